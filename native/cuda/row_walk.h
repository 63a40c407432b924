// How threads go through a row: 16 bytes at a time where the row's address allows, whatever its length and start.
#pragma once

#include "values.h"

namespace ettin::ETTIN_LEVEL {

// A row's threads: a warp, where a block has several rows, or all of the block.
template <bool whole_block>
struct RowThreads {
  static __device__ __forceinline__ int64_t row() {
    return whole_block ? int64_t{blockIdx.x} : int64_t{blockIdx.x} * (blockDim.x / warp) + threadIdx.x / warp;
  }
  static __device__ __forceinline__ int first() {
    return static_cast<int>(whole_block ? threadIdx.x : threadIdx.x % warp);
  }
  static __device__ __forceinline__ int step() { return whole_block ? static_cast<int>(blockDim.x) : warp; }
  static __device__ __forceinline__ float sum(float x) { return whole_block ? block_sum(x) : warp_sum(x); }
  static __device__ __forceinline__ float max(float x) { return whole_block ? block_max(x) : warp_max(x); }
};

// Elements before the first that lies at a multiple of 16 bytes.
template <class T>
__device__ __forceinline__ int row_head(const T* x) {
  return static_cast<int>((16 - reinterpret_cast<uintptr_t>(x) % 16) % 16 / sizeof(T));
}

// body(i, v) for this thread's part of x [n]: v holds the elements i, i + 1 … as float32, a pack of them or one, which
// it always is where not `by_pack`. write_values puts what it made of them where x, or a row like it, has them.
template <class T, class Body>
__device__ __forceinline__ void walk_row(const T* x, int n, int first, int step, const Body& body,
                                         bool by_pack = true) {
  constexpr int P = Pack<T>::size;
  const int head = by_pack ? min(n, row_head(x)) : n, packs = (n - head) / P;
  for (int i = first; i < head; i += step) {
    const float v[1] = {to_float(x[i])};
    body(i, v);
  }
#pragma unroll 4
  for (int p = first; p < packs; p += step) {
    const Pack<T> pack = load_pack(x + head + p * P);
    float v[P];
#pragma unroll
    for (int k = 0; k < P; k++) v[k] = to_float(pack.item[k]);
    body(head + p * P, v);
  }
  const int tail = head + packs * P + first;
  if (tail < n) {
    const float v[1] = {to_float(x[tail])};
    body(tail, v);
  }
}

}  // namespace ettin::ETTIN_LEVEL
