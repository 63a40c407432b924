// Values from one dtype to another, n at a time. float to int32 drops the fraction; what an int32 cannot hold
// (NaN, infinities, large numbers) becomes INT32_MIN. int32 to bfloat16 goes by way of float32.
#pragma once

#include "simd.h"

namespace ettin::ETTIN_LEVEL {

inline int32_t to_int(float x) {
  return x >= -2147483648.0f && x < 2147483648.0f ? static_cast<int32_t>(x) : INT32_MIN;
}

template <class T>
void cast_run(T* y, const T* x, int64_t n) {
  __builtin_memcpy(y, x, static_cast<uint64_t>(n) * sizeof(T));
}

template <class To, class From>
void cast_float_run(To* y, const From* x, int64_t n) {
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, load(x + i));
  for (; i < n; i++) store(y + i, to_float(x[i]));
}
inline void cast_run(bf16* y, const float* x, int64_t n) { cast_float_run(y, x, n); }
inline void cast_run(float* y, const bf16* x, int64_t n) { cast_float_run(y, x, n); }

template <class To>
void cast_int_run(To* y, const int32_t* x, int64_t n) {
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, int_to_float(load(x + i)));
  for (; i < n; i++) store(y + i, static_cast<float>(x[i]));
}
inline void cast_run(float* y, const int32_t* x, int64_t n) { cast_int_run(y, x, n); }
inline void cast_run(bf16* y, const int32_t* x, int64_t n) { cast_int_run(y, x, n); }

inline void cast_run(int32_t* y, const float* x, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = to_int(x[i]);
}
inline void cast_run(int32_t* y, const bf16* x, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = to_int(to_float(x[i]));
}

}  // namespace ettin::ETTIN_LEVEL
