// One stream on one GPU: what stands behind the opaque Context of the kernels in this library.
#pragma once

#include <cuda_runtime.h>

#include "../gemm.h"
#include "downloads.h"
#include "library.h"
#include "staging.h"

namespace ettin {

struct Context {
  Context(int gpu, const CudaHost& host);
  ~Context();
  Context(const Context&) = delete;

  const int gpu;
  const CudaHost host;
  cudaDeviceProp properties{};
  cudaStream_t stream = nullptr;
  int64_t launch = 0;
  FaultTable* faults = nullptr;              // host memory that the device writes
  unsigned long long* last_fault = nullptr;  // device memory
  Staging staging;
  Downloads downloads;
  ProductsPointer products;  // plans of cuBLASLt
};

}  // namespace ettin
