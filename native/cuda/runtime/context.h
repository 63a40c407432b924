// One stream on one GPU: what stands behind the opaque Context of the kernels in this library.
#pragma once

#include <cuda_runtime.h>

#include "../gemm.h"
#include "downloads.h"
#include "library.h"
#include "staging.h"

namespace ettin {

// In device memory.
struct Numbers {
  unsigned long long last_fault;  // the launch that raised it
  int64_t first_launch;           // of the graph that runs
};

struct Context {
  Context(int gpu, const CudaHost& host);
  ~Context();
  Context(const Context&) = delete;

  const int gpu;
  const CudaHost host;
  cudaDeviceProp properties{};
  cudaStream_t stream = nullptr;
  int64_t launch = 0;
  bool capturing = false;
  FaultTable* faults = nullptr;  // host memory that the device writes
  Numbers* numbers = nullptr;
  Staging staging;
  Downloads downloads;
  ProductsPointer products;  // plans of cuBLASLt
};

}  // namespace ettin
