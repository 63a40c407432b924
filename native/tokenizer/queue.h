// Batches of texts, encoded in the background: one thread takes them in order and spreads each over the compute
// threads. Where those are busy with a kernel it does the work alone, and between small blocks it leaves them to
// kernels.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tokenizer.h"

namespace ettin::tokenizer {

// Ids of texts, one after the other, and where each starts.
struct Encoded {
  std::vector<int32_t> ids;
  std::vector<int32_t> offsets;
};

struct Batch {
  std::shared_ptr<Tokenizer> tokenizer;
  const char* bytes;            // UTF-8 of all texts; stays where it is until `done`
  std::vector<double> offsets;  // where each text starts, and the end
  Encoded result;
  std::function<void(const char* error)> done;  // null: no error
};

class Queue {
 public:
  explicit Queue(int threads) : threads_(threads) {}
  ~Queue() { stop(); }

  void push(std::shared_ptr<Batch> batch);
  void stop();  // drops what waits, leaves what runs at the next block; no `done` comes after it

 private:
  void loop();
  bool encode(Batch& batch);  // false: stopped

  const int threads_;
  std::mutex lock_;
  std::condition_variable wake_;
  std::vector<std::shared_ptr<Batch>> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ettin::tokenizer
