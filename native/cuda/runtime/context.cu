#include "context.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "../gemm.h"
#include "../level.h"

namespace ettin {

namespace {
constexpr int64_t kept_scratch = int64_t{2} << 30;
}

Context::Context(int number, const CudaHost& h) : gpu(number), host(h), downloads(number), products(make_products()) {
  cuda::check(cudaSetDevice(gpu), "choose the GPU");
  cuda::check(cudaGetDeviceProperties(&properties, gpu), "properties");
  cuda::check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  void* shared = nullptr;
  cuda::check(cudaHostAlloc(&shared, sizeof(FaultTable), cudaHostAllocMapped), "page-locked memory");
  std::memset(shared, 0, sizeof(FaultTable));
  faults = static_cast<FaultTable*>(shared);
  cuda::check(cudaMalloc(reinterpret_cast<void**>(&last_fault), sizeof *last_fault), "memory");
  cuda::check(cudaMemsetAsync(last_fault, 0, sizeof *last_fault, stream), "memory");
}

Context::~Context() {
  cudaSetDevice(gpu);
  if (stream) cudaStreamSynchronize(stream);
  products.reset();
  for (const Block& block : blocks_) cudaFree(block.data);
  for (const Block& block : retired_) cudaFree(block.data);
  cudaFree(last_fault);
  cudaFreeHost(faults);
  if (stream) cudaStreamDestroy(stream);
}

// A kernel that is queued may still use a block when the next is launched: the stream's order makes that safe. A block
// that is too small goes only when the stream has passed it.
void* Context::take_scratch(int64_t bytes) {
  const int64_t size = cuda::round_up(bytes < 1 ? 1 : bytes, 256);
  total_ += size;
  if (blocks_.empty() || used_ + size > blocks_.back().bytes) {
    void* data = nullptr;
    if (cudaMalloc(&data, static_cast<size_t>(size)) != cudaSuccess) {
      cudaGetLastError();
      fail(
          "working memory: %.1f MB asked for, %.1f MB in use. Lower the batch size or maxTokensPerMicroBatch, or turn "
          "on "
          "gradient checkpointing.",
          static_cast<double>(size) / 1e6, static_cast<double>(scratch_now) / 1e6);
    }
    blocks_.push_back({data, size});
    used_ = 0;
    scratch_now += size;
    if (scratch_now > scratch_peak) scratch_peak = scratch_now;
  }
  void* data = static_cast<char*>(blocks_.back().data) + used_;
  used_ += size;
  return data;
}

// One block next time. Freeing waits for the device, so it happens only when what a kernel needs grows.
void Context::end_kernel() {
  const bool grew = blocks_.size() > 1;
  if (grew || (!blocks_.empty() && blocks_[0].bytes > kept_scratch)) {
    for (const Block& block : blocks_) {
      cudaFree(block.data);
      scratch_now -= block.bytes;
    }
    blocks_.clear();
    void* data = nullptr;
    if (grew && total_ <= kept_scratch && cudaMalloc(&data, static_cast<size_t>(total_)) == cudaSuccess) {
      blocks_.push_back({data, total_});
      scratch_now += total_;
    }
  }
  used_ = 0;
  total_ = 0;
}

void* scratch(Context& context, int64_t bytes) { return context.take_scratch(bytes); }

void* packed_copy(Context& context, const View& weight, int kind, int64_t bytes, bool* filled) {
  return context.host.packed_copy(context.host.executor, weight, kind, bytes, filled);
}

Fault fault(Context& context, const char* format) {
  return {context.faults, context.last_fault, context.launch, format};
}

void fail(const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  throw std::runtime_error(text);
}

namespace cuda {

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) {
    fail("CUDA: %s: %s. The tensors of this GPU may be lost: open the device again in a new process.", what,
         cudaGetErrorString(status));
  }
}

cudaStream_t stream_of(Context& context) { return context.stream; }
int multiprocessors(Context& context) { return context.properties.multiProcessorCount; }
int64_t shared_memory_limit(Context& context) {
  return static_cast<int64_t>(context.properties.sharedMemPerBlockOptin);
}
void allow_shared_memory(const void* kernel, int64_t bytes) {
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
        "shared memory");
}

}  // namespace cuda

}  // namespace ettin
