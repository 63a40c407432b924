// The memory of one stream. Buffers are taken and returned on the JavaScript thread, in program order: as
// the stream runs kernels in that order too, a returned buffer may be handed out while kernels that use it
// are still queued. So peak memory is a property of the program, not of timing.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <vector>

#include "memory_source.h"

namespace ettin {

struct MemoryStats {
  int64_t current;   // bytes of live storages, as rounded to their size class
  int64_t peak;      // the most `current` has been
  int64_t reserved;  // bytes held from the system for storages, live or waiting for reuse
  int64_t scratch;   // the stream's own working memory now
  int64_t scratch_peak;
  int64_t packed;  // packed copies of weights
  int64_t limit;   // bytes that current + scratch + packed may reach
};

class Allocator {
 public:
  // `exact`: buffers have the bytes asked for, and none is kept for later. Then drop() them, in place of give().
  explicit Allocator(int64_t limit, MemorySource& source = system_memory(), bool exactly = false)
      : exact(exactly), limit_(limit), source_(source) {}
  ~Allocator();
  Allocator(const Allocator&) = delete;

  const bool exact;
  struct Buffer {
    void* data = nullptr;  // null: it would pass the limit, or the system has no more
    int64_t bytes = 0;     // at least what was asked for: hand the same number back
  };
  // Queued kernels may still be using the buffer: only the stream may write it. `surplus` gets unused buffers that
  // should go back to the system, because too many of other sizes have gathered: the stream frees them, in order.
  Buffer take(int64_t bytes, std::vector<Buffer>* surplus);
  void give(Buffer buffer);
  void drop(Buffer buffer);  // forgets it: the caller frees it with give_system when the stream is done with it
  // Returns unused buffers to the system. Only while the stream is idle.
  void trim();

  MemoryStats stats() const;
  bool fits(int64_t bytes) const;
  int64_t reserved() const { return reserved_; }
  int64_t limit() const { return limit_; }

  // The executor's own memory, counted here, never pooled.
  void* take_system(int64_t bytes);
  void give_system(void* data, int64_t bytes);
  std::atomic<int64_t> scratch{0};
  std::atomic<int64_t> scratch_peak{0};
  std::atomic<int64_t> packed{0};
  int64_t stale_copies = 0;  // how often a write has outdated the packed copy of a weight; the executor's

 private:
  struct Unused {
    void* data;
    uint64_t since;  // counts calls of give()
  };
  void evict(int64_t size, std::vector<Buffer>* surplus);

  std::map<int64_t, std::vector<Unused>> free_;  // by size class, the longest unused first
  uint64_t given_ = 0;
  int64_t limit_;
  MemorySource& source_;
  std::atomic<int64_t> current_{0};  // written by the JavaScript thread, read by the executor in fits()
  int64_t peak_ = 0;
  int64_t reserved_ = 0;
};

// The size class of a request: a multiple of 64 bytes, at most an eighth larger.
int64_t size_class(int64_t bytes);

// ETTIN_MEMORY_LIMIT (bytes, or with K, M, G), which holds for each device, else `memory`.
int64_t memory_limit(int64_t memory);
int64_t system_memory_bytes();

}  // namespace ettin
