#include "context.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "../gemm.h"
#include "../level.h"

namespace ettin {

Context::Context(int number, const CudaHost& h) : gpu(number), host(h), downloads(number), products(make_products()) {
  cuda::check(cudaSetDevice(gpu), "choose the GPU");
  cuda::check(cudaGetDeviceProperties(&properties, gpu), "properties");
  cuda::check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  void* shared = nullptr;
  cuda::check(cudaHostAlloc(&shared, sizeof(FaultTable), cudaHostAllocMapped), "page-locked memory");
  std::memset(shared, 0, sizeof(FaultTable));
  faults = static_cast<FaultTable*>(shared);
  cuda::check(cudaMalloc(reinterpret_cast<void**>(&numbers), sizeof *numbers), "memory");
  cuda::check(cudaMemsetAsync(numbers, 0, sizeof *numbers, stream), "memory");
}

Context::~Context() {
  cudaSetDevice(gpu);
  if (stream) cudaStreamSynchronize(stream);
  products.reset();
  cudaFree(numbers);
  cudaFreeHost(faults);
  if (stream) cudaStreamDestroy(stream);
}

void* scratch(Context& context, int64_t bytes) { return context.host.scratch(context.host.executor, bytes); }

void* packed_copy(Context& context, const View& weight, int kind, int64_t bytes, bool* filled) {
  return context.host.packed_copy(context.host.executor, weight, kind, bytes, filled);
}

Fault fault(Context& context, const char* format) {
  return {context.faults, &context.numbers->last_fault, context.capturing ? &context.numbers->first_launch : nullptr,
          context.launch, format};
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
