// How a kernel on the device says that its data is wrong. Kernels run after the call that launched them has returned,
// so a fault is a record in memory that the host reads later, with the numbers; the host then marks what the kernel
// wrote, and all that was computed from it, as failed (../runtime/gpu.h). Only the first fault of a launch is kept.
#pragma once

#include <stdint.h>

#include "../runtime/context.h"

#if defined(__CUDACC__) || defined(ETTIN_CUDA_EMULATION)
#include <cuda_runtime.h>
#endif

namespace ettin {

constexpr int fault_numbers = 5;

// In memory that host and device share. `launch` is written last.
struct FaultRecord {
  int64_t numbers[fault_numbers];
  int64_t launch;  // the kernel's number in the stream; 0: free
  const char* format;
};
struct FaultTable {
  static constexpr int capacity = 64;
  int count;  // records asked for, more than there is room for among them
  FaultRecord records[capacity];
};

// Passed to a kernel by value.
struct Fault {
  FaultTable* table;
  unsigned long long* last;  // in device memory: the last launch that raised one; a stream's launches never overlap
  const int64_t* first;      // in device memory: of a graph that is launched again and again; else null
  int64_t launch;            // after `first`
  const char* format;        // an address of the host, only carried

#if defined(__CUDACC__) || defined(ETTIN_CUDA_EMULATION)
  __device__ void raise(int64_t a = 0, int64_t b = 0, int64_t c = 0, int64_t d = 0, int64_t e = 0) const {
    const int64_t number = launch + (first ? *first : 0);
    const auto mine = static_cast<unsigned long long>(number);
    if (atomicMax(last, mine) >= mine) return;
    const int place = atomicAdd(&table->count, 1);
    if (place >= FaultTable::capacity) return;
    FaultRecord& record = table->records[place];
    const int64_t all[fault_numbers] = {a, b, c, d, e};
    for (int i = 0; i < fault_numbers; i++) record.numbers[i] = all[i];
    record.format = format;
    __threadfence_system();
    record.launch = number;
  }
#endif
};

// For the kernel that is being launched, once a launch. `format` is printf's with up to five %lld, a literal: what is
// wrong, with the numbers, and the way out, the same words as the CPU's.
Fault fault(Context& context, const char* format);

}  // namespace ettin
