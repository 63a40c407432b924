#include "library.h"

#include <cstdio>

#include "../cublaslt.h"
#include "../level.h"
#include "context.h"
#include "graphs.h"

namespace ettin {

namespace cuda {
extern const Kernels kernels;
}

namespace {

CudaVersions versions() {
  CudaVersions v{};
  if (cudaDriverGetVersion(&v.driver) != cudaSuccess) v.driver = 0;
  if (cudaRuntimeGetVersion(&v.runtime) != cudaSuccess) v.runtime = 0;
  cublaslt_version(&v.cublaslt, v.cublaslt_name, sizeof v.cublaslt_name);
  return v;
}

int count() {
  int n = 0;
  const cudaError_t status = cudaGetDeviceCount(&n);
  if (status == cudaErrorNoDevice) return 0;  // an answer, like any other number
  cuda::check(status, "count GPUs");
  return n;
}

CudaGpu describe(int gpu) {
  cudaDeviceProp p{};
  cuda::check(cudaGetDeviceProperties(&p, gpu), "properties");
  cuda::check(cudaSetDevice(gpu), "choose the GPU");
  size_t left = 0, total = 0;
  cuda::check(cudaMemGetInfo(&left, &total), "memory");
  CudaGpu info{};
  std::snprintf(info.name, sizeof info.name, "%s", p.name);
  info.major = p.major;
  info.minor = p.minor;
  info.multiprocessors = p.multiProcessorCount;
  info.memory = static_cast<int64_t>(total);
  info.free = static_cast<int64_t>(left);
  return info;
}

void* take(Context& context, int64_t bytes) {
  cudaSetDevice(context.gpu);
  void* data = nullptr;
  const cudaError_t status = cudaMalloc(&data, static_cast<size_t>(bytes));
  if (status != cudaErrorMemoryAllocation) cuda::check(status, "memory");
  if (status != cudaSuccess) cudaGetLastError();  // forget it: there is only no memory
  return data;
}

void give(Context& context, void* data) {
  cudaSetDevice(context.gpu);
  cudaStreamSynchronize(context.stream);  // kernels may still use it
  cudaFree(data);
}

void finish(Context& context) {
  cudaStreamSynchronize(context.stream);
  context.downloads.wait();
}

void clear_faults(Context& context) {
  for (FaultRecord& record : context.faults->records) record.launch = 0;
  context.faults->count = 0;
}

const CudaLibrary library = {
    .contract = cuda_contract(),
    .kernels = &cuda::kernels,
    .versions = versions,
    .count = count,
    .describe = describe,
    .open = [](int gpu, const CudaHost& host) { return new Context(gpu, host); },
    .close = [](Context* context) { delete context; },
    .enter = [](Context& context) { cudaSetDevice(context.gpu); },  // what fails now fails again where it is told
    .take = take,
    .give = give,
    .upload = [](Context& context, void* to, const void* from,
                 int64_t bytes) { context.staging.upload(context.stream, to, from, bytes); },
    .download = [](Context& context, void* to, const void* from, int64_t bytes, Downloaded done,
                   void* argument) { context.downloads.start(context.stream, to, from, bytes, done, argument); },
    .begin_kernel = [](Context& context, int64_t launch) { context.launch = launch; },
    .begin_capture = begin_capture,
    .end_capture = end_capture,
    .launch_graph = launch_graph,
    .drop_graph = drop_graph,
    .faults = [](Context& context) -> const FaultTable* { return context.faults; },
    .clear_faults = clear_faults,
    .finish = finish,
};

}  // namespace

}  // namespace ettin

extern "C" __attribute__((visibility("default"))) const ettin::CudaLibrary* ettin_cuda_library() {
  return &ettin::library;
}
