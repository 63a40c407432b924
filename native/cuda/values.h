// Some neighbours of a row at once, as float32: read and written in accesses of 16 bytes where there are enough.
#pragma once

#include "level.h"

namespace ettin::ETTIN_LEVEL {

// N neighbours as they lie in memory, aligned to their size, at most 16 bytes.
template <class T, int N>
struct Raw {
  static constexpr int of_one = N * static_cast<int>(sizeof(T)) > 16 ? 16 / static_cast<int>(sizeof(T)) : N;
  static constexpr int count = N / of_one;
  struct alignas(of_one * sizeof(T)) One {
    T item[of_one];
  };
  One one[count];
};

template <int N, class T>
__device__ __forceinline__ Raw<T, N> read_raw(const T* p) {
  Raw<T, N> raw;
#pragma unroll
  for (int i = 0; i < raw.count; i++) raw.one[i] = reinterpret_cast<const typename Raw<T, N>::One*>(p)[i];
  return raw;
}
template <int N, class T>
__device__ __forceinline__ void write_raw(T* p, const Raw<T, N>& raw) {
#pragma unroll
  for (int i = 0; i < raw.count; i++) reinterpret_cast<typename Raw<T, N>::One*>(p)[i] = raw.one[i];
}

template <class T, int N>
__device__ __forceinline__ void widen(float (&v)[N], const Raw<T, N>& raw) {
#pragma unroll
  for (int i = 0; i < N; i++) v[i] = to_float(raw.one[i / raw.of_one].item[i % raw.of_one]);
}
template <int N>
__device__ __forceinline__ void narrow(Raw<float, N>& raw, const float (&v)[N]) {
#pragma unroll
  for (int i = 0; i < N; i++) raw.one[i / raw.of_one].item[i % raw.of_one] = v[i];
}
// Both rounded as elements of a tensor are, the first in the lower half: one instruction on the device.
__device__ __forceinline__ uint32_t round_pair(float first, float second) {
#ifdef __CUDA_ARCH__
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  return pair;
#else
  return to_bf16(first).bits | uint32_t{to_bf16(second).bits} << 16;
#endif
}
template <int N>
__device__ __forceinline__ void narrow(Raw<bf16, N>& raw, const float (&v)[N]) {
  if constexpr (N == 1) {
    raw.one[0].item[0] = to_bf16(v[0]);
  } else {
#pragma unroll
    for (int i = 0; i < N; i += 2) {
      const uint32_t pair = round_pair(v[i], v[i + 1]);
      raw.one[i / raw.of_one].item[i % raw.of_one] = {static_cast<uint16_t>(pair)};
      raw.one[i / raw.of_one].item[i % raw.of_one + 1] = {static_cast<uint16_t>(pair >> 16)};
    }
  }
}

template <int N, class T>
__device__ __forceinline__ void read_values(float (&v)[N], const T* p) {
  widen(v, read_raw<N>(p));
}
template <int N, class T>
__device__ __forceinline__ void write_values(T* p, const float (&v)[N]) {
  Raw<T, N> raw;
  narrow(raw, v);
  write_raw(p, raw);
}

// Whether all these addresses may be read 16 bytes at a time.
template <class... P>
bool aligned(const P*... p) {
  return ((reinterpret_cast<uintptr_t>(p) % 16 == 0) && ...);
}

}  // namespace ettin::ETTIN_LEVEL
