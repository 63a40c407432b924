// Copies from the device to the host that nobody waits for: a thread of its own sees them arrive and says so.
#pragma once

#include <cuda_runtime.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "library.h"

namespace ettin {

class Downloads {
 public:
  explicit Downloads(int gpu) : gpu_(gpu), thread_(&Downloads::loop, this) {}
  ~Downloads();

  // What goes wrong is told to `done`, in its turn.
  void start(cudaStream_t stream, void* to, const void* from, int64_t bytes, Downloaded done, void* argument);
  void wait();  // until all have arrived and been reported

 private:
  static constexpr int64_t piece = int64_t{4} << 20;
  static constexpr size_t most_pieces = 8;
  struct Piece {
    char* data = nullptr;  // page-locked
    cudaEvent_t arrived = nullptr;
  };
  struct Copy {
    Piece piece;  // none where `refused` is why
    void* to;
    int64_t bytes;
    cudaError_t refused;  // what the copy's own calls said
    Downloaded done;      // null but for the last piece of a download
    void* argument;
  };
  cudaError_t take(Piece* p);
  static cudaError_t make(Piece* p);
  void give(const Piece& p);
  void push(const Copy& copy);
  void loop();

  const int gpu_;
  std::mutex lock_;
  std::condition_variable wake_, freed_;
  std::vector<Piece> free_;
  size_t made_ = 0;
  std::deque<Copy> queue_;
  bool busy_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace ettin
