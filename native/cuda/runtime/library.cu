#include "library.h"

#include <cstdio>

#include "../cublaslt.h"
#include "../level.h"
#include "context.h"

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
  if (cudaMalloc(&data, static_cast<size_t>(bytes)) == cudaSuccess) return data;
  cudaGetLastError();  // forget it: there is only no memory
  return nullptr;
}

void give(Context& context, void* data) {
  cudaSetDevice(context.gpu);
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
    .enter = [](Context& context) { cuda::check(cudaSetDevice(context.gpu), "choose the GPU"); },
    .take = take,
    .give = give,
    .upload = [](Context& context, void* to, const void* from,
                 int64_t bytes) { context.staging.upload(context.stream, to, from, bytes); },
    .download = [](Context& context, void* to, const void* from, int64_t bytes, Downloads::Done done,
                   void* argument) { context.downloads.start(context.stream, to, from, bytes, done, argument); },
    .begin_kernel = [](Context& context, int64_t launch) { context.launch = launch; },
    .end_kernel = [](Context& context) { context.end_kernel(); },
    .faults = [](Context& context) -> const FaultTable* { return context.faults; },
    .clear_faults = clear_faults,
    .finish = finish,
    .scratch_bytes =
        [](Context& context, int64_t* now, int64_t* peak) {
          *now = context.scratch_now;
          *peak = context.scratch_peak;
        },
};

}  // namespace

}  // namespace ettin

extern "C" __attribute__((visibility("default"))) const ettin::CudaLibrary* ettin_cuda_library() {
  return &ettin::library;
}
