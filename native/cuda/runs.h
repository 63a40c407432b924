// The values of a run's elements (level.h), and runs of values.
#pragma once

#include "level.h"

namespace ettin::ETTIN_LEVEL {

// Elements of a run of which none of the types needs more accesses than its width demands: 16 bytes of the narrowest.
template <class... T>
constexpr int run_size = [] {
  int bytes = 4;
  ((bytes = min(bytes, static_cast<int>(sizeof(T)))), ...);
  return 16 / bytes;
}();

template <int N, class T>
bool aligned_for_runs(const T* p) {
  return reinterpret_cast<uintptr_t>(p) % alignof(Run<T, N>) == 0;
}

// Arithmetic sees float or int32; uint16_t are bits that only move.
__device__ __forceinline__ float value(float x) { return x; }
__device__ __forceinline__ float value(bf16 x) { return to_float(x); }
__device__ __forceinline__ int32_t value(int32_t x) { return x; }
__device__ __forceinline__ uint16_t value(uint16_t x) { return x; }

// float to int32 drops the fraction; what an int32 cannot hold becomes the lowest.
__device__ __forceinline__ int32_t to_int(float x) {
  return x >= -2147483648.0f && x < 2147483648.0f ? static_cast<int32_t>(x) : INT32_MIN;
}
__device__ __forceinline__ void put(float& y, float x) { y = x; }
__device__ __forceinline__ void put(bf16& y, float x) { y = to_bf16(x); }
__device__ __forceinline__ void put(int32_t& y, float x) { y = to_int(x); }
__device__ __forceinline__ void put(float& y, int32_t x) { y = static_cast<float>(x); }
__device__ __forceinline__ void put(bf16& y, int32_t x) { y = to_bf16(static_cast<float>(x)); }
__device__ __forceinline__ void put(int32_t& y, int32_t x) { y = x; }
__device__ __forceinline__ void put(uint16_t& y, uint16_t x) { y = x; }

template <int N, class T>
__device__ __forceinline__ Run<T, N> load_run(const T* p) {
  return *reinterpret_cast<const Run<T, N>*>(p);
}
template <int N, class T>
__device__ __forceinline__ Run<T, N> run_of(T x) {
  Run<T, N> run;
#pragma unroll
  for (int k = 0; k < N; k++) run.item[k] = x;
  return run;
}

// The value of element k, a constant where loops are unrolled: of two bfloat16 in a word each takes one instruction.
template <class T, int N>
__device__ __forceinline__ auto value_at(const Run<T, N>& run, int k) {
  return value(run.item[k]);
}
template <int N>
__device__ __forceinline__ float value_at(const Run<bf16, N>& run, int k) {
  if constexpr (N % 2 == 0) {
    const uint32_t word = __builtin_bit_cast(Run<uint32_t, N / 2>, run).item[k / 2];
    return __uint_as_float(k % 2 ? word & 0xffff0000u : word << 16);
  } else {
    return to_float(run.item[k]);
  }
}

// Two values rounded to bfloat16, the first in the lower half: one instruction on the device.
__device__ __forceinline__ uint32_t round_pair(float first, float second) {
#ifdef __CUDA_ARCH__
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  return pair;
#else
  return to_bf16(first).bits | uint32_t{to_bf16(second).bits} << 16;
#endif
}

// Values as elements of T.
template <class T, int N, class V>
__device__ __forceinline__ Run<T, N> to_run(const V (&x)[N]) {
  if constexpr (sizeof(T) == 2 && sizeof(V) == 4 && N % 2 == 0) {
    Run<uint32_t, N / 2> pairs;
#pragma unroll
    for (int k = 0; k < N / 2; k++) {
      pairs.item[k] = round_pair(static_cast<float>(x[2 * k]), static_cast<float>(x[2 * k + 1]));
    }
    return __builtin_bit_cast(Run<T, N>, pairs);
  } else {
    Run<T, N> run;
#pragma unroll
    for (int k = 0; k < N; k++) put(run.item[k], x[k]);
    return run;
  }
}
template <int N, class T, class V>
__device__ __forceinline__ void store_run(T* p, const V (&x)[N]) {
  *reinterpret_cast<Run<T, N>*>(p) = to_run<T>(x);
}

}  // namespace ettin::ETTIN_LEVEL
