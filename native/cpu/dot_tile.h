// Dot products of a few rows with a few others. Every product is summed in the same order whatever the tile's
// size: one sum per lane over the row, then reduce_add. So a score does not depend on its neighbours.
#pragma once

#include "simd.h"

namespace ettin::ETTIN_LEVEL {

// out[i * stride + j] = a[i] · b[j] for A rows a, D apart, and B rows b, D apart.
template <int A, int B, class Ta, class Tb>
void dot_tile(float* out, int64_t stride, const Ta* a, const Tb* b, int64_t D) {
  vf sums[A][B];
  for (int i = 0; i < A; i++) {
    for (int j = 0; j < B; j++) sums[i][j] = zero();
  }
  int64_t d = 0;
  for (; d + lanes <= D; d += lanes) {
    vf left[A];
    for (int i = 0; i < A; i++) left[i] = load(a + i * D + d);
    for (int j = 0; j < B; j++) {
      const vf right = load(b + j * D + d);
      for (int i = 0; i < A; i++) sums[i][j] = fma(left[i], right, sums[i][j]);
    }
  }
  if (d < D) {
    for (int i = 0; i < A; i++) {
      const vf left = load_part(a + i * D + d, D - d);
      for (int j = 0; j < B; j++) sums[i][j] = fma(left, load_part(b + j * D + d, D - d), sums[i][j]);
    }
  }
  for (int i = 0; i < A; i++) {
    for (int j = 0; j < B; j++) out[i * stride + j] = reduce_add(sums[i][j]);
  }
}

// The same for any number of rows on both sides.
template <class Ta, class Tb>
void dot_block(float* out, int64_t stride, const Ta* a, int64_t rows_a, const Tb* b, int64_t rows_b, int64_t D) {
  constexpr int A = lanes == 16 ? 4 : 3, B = 4;  // A * B sums, A values and one more fit the registers
  int64_t i = 0;
  for (; i + A <= rows_a; i += A) {
    int64_t j = 0;
    for (; j + B <= rows_b; j += B) dot_tile<A, B>(out + i * stride + j, stride, a + i * D, b + j * D, D);
    for (; j < rows_b; j++) dot_tile<A, 1>(out + i * stride + j, stride, a + i * D, b + j * D, D);
  }
  for (; i < rows_a; i++) {
    int64_t j = 0;
    for (; j + 2 * B <= rows_b; j += 2 * B) {
      dot_tile<1, 2 * B>(out + i * stride + j, stride, a + i * D, b + j * D, D);
    }
    for (; j < rows_b; j++) dot_tile<1, 1>(out + i * stride + j, stride, a + i * D, b + j * D, D);
  }
}

}  // namespace ettin::ETTIN_LEVEL
