// Places in strided tensors of one shape. Dimensions are merged where the strides of all of them allow it, so that
// contiguous tensors have one dimension, and indices are divided by multiplication.
#pragma once

#include "level.h"

namespace ettin::ETTIN_LEVEL {

// n / value by a product and a shift for n below 2^31 (Granlund and Montgomery, 1994), by a division above.
struct Divisor {
  int64_t value;
  uint32_t multiplier;
  int shift;

  __device__ __forceinline__ int64_t quotient(int64_t n) const {
    if (n >> 31) return n / value;
    const auto small = static_cast<uint32_t>(n);
    return (__umulhi(small, multiplier) + small) >> shift;
  }
};
inline Divisor divisor(int64_t value) {
  if (value >> 31) return {value, 0, 31};  // 0 for all small n
  int shift = 0;
  while (int64_t{1} << shift < value) shift++;
  const uint64_t rest = (uint64_t{1} << shift) - static_cast<uint64_t>(value);
  return {value, static_cast<uint32_t>((rest << 32) / static_cast<uint64_t>(value) + 1), shift};
}

struct Place {
  int64_t index[max_dims];
};

// How many there are in each dimension, for kernels.
struct Counts {
  int dims;
  Divisor size[max_dims];

  // Of number n in row-major order.
  __device__ __forceinline__ Place place(int64_t n) const {
    Place place;
#pragma unroll
    for (int d = max_dims - 1; d >= 0; d--) {
      place.index[d] = 0;
      if (d >= dims) continue;
      const int64_t above = d == 0 ? 0 : size[d].quotient(n);
      place.index[d] = n - above * size[d].value;
      n = above;
    }
    return place;
  }

  __device__ __forceinline__ int64_t offset(const Place& place, const int64_t (&strides)[max_dims]) const {
    int64_t offset = 0;
#pragma unroll
    for (int d = 0; d < max_dims; d++) {
      if (d < dims) offset += place.index[d] * strides[d];
    }
    return offset;
  }
};

// N tensors of one shape with as few dimensions as all their strides allow, one at least.
template <int N>
struct Merged {
  int dims = 0;
  int64_t shape[max_dims] = {}, strides[N][max_dims] = {};
};
template <int N>
Merged<N> merged(const View (&views)[N]) {
  Merged<N> m;
  for (int d = 0; d < views[0].dims; d++) {
    const int64_t size = views[0].shape[d];
    if (size == 1) continue;
    bool joins = m.dims > 0;
    for (int i = 0; i < N; i++) joins = joins && m.strides[i][m.dims - 1] == views[i].strides[d] * size;
    if (!joins) m.dims++;
    m.shape[m.dims - 1] = joins ? m.shape[m.dims - 1] * size : size;
    for (int i = 0; i < N; i++) m.strides[i][m.dims - 1] = views[i].strides[d];
  }
  if (m.dims == 0) {
    m.dims = 1;
    m.shape[0] = 1;
    for (int i = 0; i < N; i++) m.strides[i][0] = 1;
  }
  return m;
}

}  // namespace ettin::ETTIN_LEVEL
