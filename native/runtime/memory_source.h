// Where an allocator's memory comes from.
#pragma once

#include <cstdint>

namespace ettin {

class MemorySource {
 public:
  virtual ~MemorySource() = default;
  virtual void* take(int64_t bytes) = 0;  // null where there is not enough
  virtual void give(void* data, int64_t bytes) = 0;
  virtual void trim() {}  // returns to the system what nobody uses; only while the stream is idle
};

// The machine's memory, aligned to 64 bytes.
MemorySource& system_memory();

}  // namespace ettin
