// Some neighbours of a row at once, as float32; what waits to be computed is kept as it lies in memory.
#pragma once

#include "runs.h"

namespace ettin::ETTIN_LEVEL {

template <class T, int N>
__device__ __forceinline__ void widen(float (&v)[N], const Run<T, N>& run) {
#pragma unroll
  for (int i = 0; i < N; i++) v[i] = value_at(run, i);
}

template <int N, class T>
__device__ __forceinline__ void read_values(float (&v)[N], const T* p) {
  widen(v, load_run<N>(p));
}
template <int N, class T>
__device__ __forceinline__ void write_values(T* p, const float (&v)[N]) {
  store_run(p, v);
}

// Whether all these addresses may be read 16 bytes at a time.
template <class... P>
bool aligned(const P*... p) {
  return ((reinterpret_cast<uintptr_t>(p) % 16 == 0) && ...);
}

}  // namespace ettin::ETTIN_LEVEL
