// The first include of every kernel file in this folder: kernel.h, and how kernels are launched. nvcc compiles the
// folder into a library of its own (scripts/build-cuda.mjs); a C++ compiler compiles the same files with
// ETTIN_CUDA_EMULATION for machines without a GPU (emulation/).
//
// Rules of the folder: one op, one file, beside its twin in cpu/. Blocks of a multiple of 32 threads. Results depend on
// shapes and data alone: no atomic additions of floats, no sums in the order of arrival. Nothing waits for the device.
// What lies in the data (ids, offsets) is checked on the device: a bad value raises a fault (fault.h) and is stepped
// over, because an address outside memory would end the whole context.
#pragma once

#include <cuda_runtime.h>

#include "../kernel.h"
#include "fault.h"

namespace ettin::ETTIN_LEVEL {

constexpr int warp = 32;
constexpr unsigned all_lanes = 0xffffffffu;

// Throws where a call of the CUDA runtime failed: what, with the runtime's words. A GPU that has stopped says so at the
// next call, which need not be to blame.
void check(cudaError_t status, const char* what);

cudaStream_t stream_of(Context& context);
int multiprocessors(Context& context);
int64_t shared_memory_limit(Context& context);  // bytes of shared memory that one block may have
void allow_shared_memory(const void* kernel, int64_t bytes);

template <class T>
struct Same {
  using type = T;
};

#ifdef ETTIN_CUDA_EMULATION

// Runs every block here and now (emulation/fibers.h), unless a graph is captured.
template <class... P>
void launch(Context&, void (*kernel)(P...), dim3 grid, dim3 block, int64_t shared,
            typename Same<P>::type... arguments) {
  const auto work = [=] {
    bool runs = true;
    const cudaError_t status = emulation::count_launch(&runs);
    if (status != cudaSuccess || !runs) return status;
    emulation::launch(grid, block, shared, [&] { kernel(arguments...); });
    emulation::check_margins();
    return status;
  };
  check(emulation::in_stream(work), "launch");
}

#else

// kernel<<<grid, block, shared>>>(arguments…) on the context's stream. Nothing to do where the grid is empty.
template <class... P>
void launch(Context& context, void (*kernel)(P...), dim3 grid, dim3 block, int64_t shared,
            typename Same<P>::type... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared > 48 * 1024) allow_shared_memory(reinterpret_cast<const void*>(kernel), shared);
  kernel<<<grid, block, static_cast<size_t>(shared), stream_of(context)>>>(arguments...);
  check(cudaGetLastError(), "launch");
}

#endif

// The block's dynamic shared memory, 128-byte aligned.
template <class T>
__device__ __forceinline__ T* shared_memory() {
#ifdef ETTIN_CUDA_EMULATION
  return static_cast<T*>(emulation::dynamic_shared());
#else
  extern __shared__ __align__(128) unsigned char ettin_shared[];
  return reinterpret_cast<T*>(ettin_shared);
#endif
}

// Blocks of `threads` for n elements, at most what grid.x takes; kernels that may meet more loop by `stride`.
inline dim3 blocks_for(int64_t n, int64_t threads) {
  return dim3(static_cast<unsigned>(min(ceil_div(n, threads), int64_t{0x7fffffff})));
}

// This thread's number among all of a one-dimensional grid, and how many there are:
//   for (int64_t i = thread_of_grid(); i < n; i += threads_of_grid()) …
__device__ __forceinline__ int64_t thread_of_grid() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ __forceinline__ int64_t threads_of_grid() { return int64_t{gridDim.x} * blockDim.x; }

// Sums and maxima over a warp: every lane gets the result, always added in the same order.
template <class T>
__device__ __forceinline__ T warp_sum(T x) {
#pragma unroll
  for (int d = warp / 2; d > 0; d /= 2) x += __shfl_xor_sync(all_lanes, x, d);
  return x;
}
__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
  for (int d = warp / 2; d > 0; d /= 2) x = fmaxf(x, __shfl_xor_sync(all_lanes, x, d));
  return x;
}

// Over a block of up to 1024 threads; every thread gets the result. May be called again at once.
__device__ __forceinline__ float block_sum(float x) {
  __shared__ float parts[warp];
  const int lane = static_cast<int>(threadIdx.x) % warp, number = static_cast<int>(threadIdx.x) / warp;
  const int warps = static_cast<int>(blockDim.x) / warp;
  x = warp_sum(x);
  if (lane == 0) parts[number] = x;
  __syncthreads();
  x = warp_sum(lane < warps ? parts[lane] : 0.0f);
  __syncthreads();
  return x;
}
__device__ __forceinline__ float block_max(float x) {
  __shared__ float parts[warp];
  const int lane = static_cast<int>(threadIdx.x) % warp, number = static_cast<int>(threadIdx.x) / warp;
  const int warps = static_cast<int>(blockDim.x) / warp;
  x = warp_max(x);
  if (lane == 0) parts[number] = x;
  __syncthreads();
  x = warp_max(parts[lane < warps ? lane : 0]);
  __syncthreads();
  return x;
}

// Neighbours that a thread reads or writes in accesses of 16 bytes, of fewer where there are not so many.
template <class T, int N>
struct alignas(N * sizeof(T) < 16 ? N * sizeof(T) : 16) Run {
  static constexpr int size = N;
  T item[N];
};
// Four, or eight, in one access; p must be aligned to it.
template <class T>
using Pack = Run<T, static_cast<int>(16 / sizeof(T))>;
template <class T>
__device__ __forceinline__ Pack<T> load_pack(const T* p) {
  return *reinterpret_cast<const Pack<T>*>(p);
}
template <class T>
__device__ __forceinline__ void store_pack(T* p, const Pack<T>& pack) {
  *reinterpret_cast<Pack<T>*>(p) = pack;
}
// Whether rows of C elements at p may be read by packs.
template <class T>
bool packs(const T* p, int64_t C) {
  return reinterpret_cast<uintptr_t>(p) % 16 == 0 && C % Pack<T>::size == 0;
}

}  // namespace ettin::ETTIN_LEVEL
