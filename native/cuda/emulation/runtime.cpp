#include "runtime.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

struct cudaGraphRecord {
  std::vector<std::function<cudaError_t()>> work;
};

namespace ettin::emulation {

namespace {

struct Capture {
  cudaGraphRecord* graph = nullptr;  // null: none is under way
  bool broken = false;
};
thread_local Capture capture;

std::atomic<cudaError_t> stopped{cudaSuccess};
thread_local cudaError_t last = cudaSuccess;

// "kernel 3": its kind, and which.
struct Wanted {
  std::string kind;
  long place = 0;
  Wanted() {
    const char* text = std::getenv("ETTIN_EMULATION_FAIL");
    const char* space = text ? std::strchr(text, ' ') : nullptr;
    if (!space) return;
    kind.assign(text, space);
    place = std::strtol(space, nullptr, 10);
  }
};

}  // namespace

bool is_to_fail(const char* kind) {
  static const Wanted wanted;
  if (wanted.kind != kind) return false;
  static std::atomic<long> seen{0};  // of that kind
  return ++seen == wanted.place;
}

cudaError_t answer(cudaError_t status) {
  if (const cudaError_t why = stopped.load()) status = why;
  if (status != cudaSuccess) last = status;
  return status;
}

cudaError_t in_stream(std::function<cudaError_t()> work) {
  if (!capture.graph) return work();
  capture.graph->work.push_back(std::move(work));
  return answer(cudaSuccess);
}

cudaError_t outside_capture() {
  if (!capture.graph) return answer(cudaSuccess);
  capture.broken = true;
  return answer(cudaErrorStreamCaptureUnsupported);
}

cudaError_t count_launch(bool* runs) {
  *runs = stopped.load() == cudaSuccess;
  if (*runs && is_to_fail("kernel")) {
    *runs = false;
    const char* blocking = std::getenv("CUDA_LAUNCH_BLOCKING");
    stopped = cudaErrorIllegalAddress;
    if (!blocking || *blocking != '1') return cudaSuccess;  // launched; that it failed is seen later
  }
  return answer(cudaSuccess);
}

}  // namespace ettin::emulation

using ettin::emulation::answer;
using ettin::emulation::capture;
using ettin::emulation::in_stream;
using ettin::emulation::is_to_fail;
using ettin::emulation::outside_capture;

const char* cudaGetErrorString(cudaError_t status) {
  switch (status) {
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    default:
      return "an error of the emulation";
  }
}
// An error that has stopped the device stays.
cudaError_t cudaGetLastError() {
  const cudaError_t status = answer(ettin::emulation::last);
  ettin::emulation::last = cudaSuccess;
  return status;
}

cudaError_t cudaGetDeviceCount(int* n) { return *n = 2, answer(cudaSuccess); }
cudaError_t cudaSetDevice(int d) { return answer(d >= 0 && d < 2 ? cudaSuccess : cudaErrorInvalidDevice); }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int) {
  *p = {"emulated GPU", 9, 0, 2, size_t{1} << 31, size_t{227} << 10};
  return answer(cudaSuccess);
}
cudaError_t cudaDriverGetVersion(int* v) { return *v = 13000, cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int* v) { return *v = 13000, cudaSuccess; }
cudaError_t cudaMemGetInfo(size_t* left, size_t* total) {
  return *left = size_t{1} << 31, *total = size_t{1} << 31, answer(cudaSuccess);
}

cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned) {
  if (is_to_fail("pinned")) return answer(cudaErrorMemoryAllocation);
  if (const cudaError_t status = answer(cudaSuccess)) return status;
  return *p = std::aligned_alloc(256, (bytes + 255) / 256 * 256), answer(*p ? cudaSuccess : cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void* p) { return std::free(p), answer(cudaSuccess); }
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t) {
  if (kind == cudaMemcpyDeviceToHost && is_to_fail("download")) return answer(cudaErrorInvalidValue);
  if (const cudaError_t status = outside_capture()) return status;
  if (bytes) std::memmove(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t) {
  return in_stream([=] {
    if (bytes) std::memset(p, value, bytes);
    return answer(cudaSuccess);
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned) { return *s = nullptr, answer(cudaSuccess); }
cudaError_t cudaStreamDestroy(cudaStream_t) { return answer(cudaSuccess); }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return outside_capture(); }
cudaError_t cudaStreamQuery(cudaStream_t) { return answer(cudaSuccess); }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned) { return *e = nullptr, answer(cudaSuccess); }
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return outside_capture(); }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return answer(cudaSuccess); }
cudaError_t cudaEventDestroy(cudaEvent_t) { return answer(cudaSuccess); }
cudaError_t cudaFuncSetAttribute(const void*, int, int) { return answer(cudaSuccess); }

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
  if (const cudaError_t status = outside_capture()) return status;
  capture = {new cudaGraphRecord, is_to_fail("capture")};
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  const auto [captured, broken] = std::exchange(capture, {});
  *graph = captured;
  if (!captured) return answer(cudaErrorInvalidValue);
  if (!broken) return answer(cudaSuccess);
  delete captured;
  *graph = nullptr;
  return answer(cudaErrorStreamCaptureInvalidated);
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* runs, cudaGraph_t graph, unsigned long long) {
  return *runs = new cudaGraphRecord(*graph), answer(cudaSuccess);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t runs, cudaStream_t) {
  for (const auto& work : runs->work) {
    if (const cudaError_t status = work()) return status;
  }
  return answer(cudaSuccess);
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return delete graph, answer(cudaSuccess); }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t runs) { return delete runs, answer(cudaSuccess); }
