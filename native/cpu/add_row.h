// Rows added up in float32, in an order that the caller fixes, and brought down to bfloat16 at the end.
#pragma once

#include "simd.h"

namespace ettin::ETTIN_LEVEL {

// y += scale * x
template <class T>
void add_row(float* y, const T* x, float scale, int64_t n) {
  const vf factor = set(scale);
  for (int64_t i = 0; i < n; i += lanes) store(y + i, fma(load(x + i, n - i), factor, load(y + i, n - i)), n - i);
}

// Where sums for y are made: y itself, or scratch that `store_sums` rounds into a bfloat16 y.
inline float* sums_for(Context& context, const View& y) {
  if (!present(y) || y.dtype == DType::float32) return as<float>(y);
  return static_cast<float*>(scratch(context, size_of(y) * 4));
}
inline void store_sums(Context& context, const View& y, const float* sums) {
  if (!present(y) || y.dtype == DType::float32) return;
  parallel_chunks(context, size_of(y), int64_t{32768}, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += lanes) store(as<bf16>(y) + i, load(sums + i, end - i), end - i);
  });
}

}  // namespace ettin::ETTIN_LEVEL
