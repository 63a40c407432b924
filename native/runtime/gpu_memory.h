// A GPU's memory, cut from large segments: asking the driver costs as much as a hundred kernels, and giving back stops
// the device. A piece that is given back joins its free neighbours at once. That is safe while kernels that use it are
// queued, because whoever gets it next is queued behind them.
//
// Tools that watch a device's memory (compute-sanitizer) see segments, not tensors: with ETTIN_GPU_MEMORY=exact every
// piece is asked of the driver, as many bytes as are used, and given back at once.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "memory_source.h"

namespace ettin {

// Whether ETTIN_GPU_MEMORY is "exact". Throws std::runtime_error, "what. way out.", where it is no word that is known.
bool exact_gpu_memory();

class GpuMemory final : public MemorySource {
 public:
  using Take = std::function<void*(int64_t)>;
  using Give = std::function<void(void*)>;
  GpuMemory(Take from_driver, Give to_driver, bool exactly)
      : exact(exactly), from_driver_(std::move(from_driver)), to_driver_(std::move(to_driver)) {}

  const bool exact;

  void* take(int64_t bytes) override;
  void give(void* data, int64_t bytes) override;
  void trim() override;  // segments that are wholly free go back to the driver

  void release();  // all of it, whoever uses it

 private:
  struct Piece {
    int64_t bytes;
    bool free;
    bool first;  // of its segment: does not join what lies before it
  };
  using Pieces = std::map<char*, Piece>;
  void add_free(Pieces::iterator at);
  Pieces::iterator grow(int64_t bytes);

  const Take from_driver_;
  const Give to_driver_;
  std::mutex lock_;  // the JavaScript thread takes storages, the executor packed copies
  Pieces pieces_;
  std::set<std::pair<int64_t, char*>> free_;  // by size, then address
  int64_t held_ = 0;                          // bytes of all segments
};

}  // namespace ettin
