// The part of the CUDA runtime that native/cuda uses, on the CPU: memory is the process's own, between pages that
// nobody may touch (memory.cpp), and a stream runs its work at once.
//
// ETTIN_EMULATION_FAIL makes one call fail, counted from 1 in the whole process:
//   kernel 3     the third kernel ends with an illegal address: as on a GPU every call after it returns that error
//   download 2   the second copy to the host is refused; the device goes on
//   memory 4     there is no memory for the fourth cudaMalloc;  pinned 1   nor for the first cudaHostAlloc
//   malloc 4     the fourth cudaMalloc is refused for another reason
//   capture 1    the first graph cannot be captured
#pragma once

#include <cstddef>
#include <functional>

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorECCUncorrectable = 214,
  cudaErrorNvlinkUncorrectable = 220,
  cudaErrorNotReady = 600,
  cudaErrorIllegalAddress = 700,
  cudaErrorLaunchTimeout = 702,
  cudaErrorAssert = 710,
  cudaErrorHardwareStackError = 714,
  cudaErrorIllegalInstruction = 715,
  cudaErrorMisalignedAddress = 716,
  cudaErrorInvalidAddressSpace = 717,
  cudaErrorInvalidPc = 718,
  cudaErrorLaunchFailure = 719,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901,
  cudaErrorUnknown = 999
};
struct cudaStreamRecord;
struct cudaEventRecord;
struct cudaGraphRecord;
using cudaStream_t = cudaStreamRecord*;
using cudaEvent_t = cudaEventRecord*;
using cudaGraph_t = cudaGraphRecord*;
using cudaGraphExec_t = cudaGraphRecord*;
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
enum cudaMemcpyKind {
  cudaMemcpyHostToDevice = 1,
  cudaMemcpyDeviceToHost = 2,
  cudaMemcpyDeviceToDevice = 3,
  cudaMemcpyDefault = 4
};
constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2, cudaHostAllocDefault = 0,
                   cudaHostAllocMapped = 2;
constexpr int cudaFuncAttributeMaxDynamicSharedMemorySize = 8;
struct cudaDeviceProp {
  char name[256];
  int major, minor, multiProcessorCount;
  size_t totalGlobalMem, sharedMemPerBlockOptin;
};

const char* cudaGetErrorString(cudaError_t);
cudaError_t cudaGetLastError();
cudaError_t cudaGetDeviceCount(int* n);
cudaError_t cudaSetDevice(int d);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int d);
cudaError_t cudaDriverGetVersion(int* v);
cudaError_t cudaRuntimeGetVersion(int* v);
cudaError_t cudaMemGetInfo(size_t* left, size_t* total);
cudaError_t cudaMalloc(void** p, size_t bytes);
cudaError_t cudaFree(void* p);
cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned flags);
cudaError_t cudaFreeHost(void* p);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t);
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t);
cudaError_t cudaStreamSynchronize(cudaStream_t);
cudaError_t cudaStreamQuery(cudaStream_t);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned flags);
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t);
cudaError_t cudaEventSynchronize(cudaEvent_t);
cudaError_t cudaEventDestroy(cudaEvent_t);
cudaError_t cudaFuncSetAttribute(const void*, int, int);
cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode);
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* runs, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t);
cudaError_t cudaGraphDestroy(cudaGraph_t);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t);

namespace ettin::emulation {

// What cudaGetLastError says after the launch of a kernel. `*runs` says whether it comes to its end.
cudaError_t count_launch(bool* runs);

// What a call returns: `status`, or the error that the device has stopped with.
cudaError_t answer(cudaError_t status);

// What the stream does: at once, or, while this thread captures a graph, when that is launched.
cudaError_t in_stream(std::function<cudaError_t()> work);

// Calls that a capture does not allow: they fail, and so does its end.
cudaError_t outside_capture();

// Whether this is the call of its kind that is to fail.
bool is_to_fail(const char* kind);

// Throws where a kernel has written just outside a buffer; only with ETTIN_GPU_MEMORY=exact, where each tensor has its
// own.
void check_margins();

}  // namespace ettin::emulation
