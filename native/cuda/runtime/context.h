// One stream on one GPU: what stands behind the opaque Context of the kernels in this library.
#pragma once

#include <cuda_runtime.h>

#include <vector>

#include "../gemm.h"
#include "downloads.h"
#include "library.h"
#include "staging.h"

namespace ettin {

struct Context {
  Context(int gpu, const CudaHost& host);
  ~Context();
  Context(const Context&) = delete;

  void* take_scratch(int64_t bytes);
  void end_kernel();

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
  int64_t scratch_now = 0, scratch_peak = 0;

 private:
  struct Block {
    void* data;
    int64_t bytes;
  };
  std::vector<Block> blocks_;  // in use by the kernel that is being launched; one between kernels
  std::vector<Block> retired_;
  int64_t used_ = 0, total_ = 0;
};

}  // namespace ettin
