// Products of small tiles that lie in a cache, blocked by registers.
//
//   c[r,n] (+)= sum_k a[r,k] * b[k,n]      r < tile_rows, n < tile_columns, c float32
//
// Each element of c is one chain of fused multiply-adds over ascending k, whatever the tile around it: a row's
// bits do not depend on how many rows there are. b's rows hold vectors; a is broadcast, from its rows
// ("by row": a[r * lda + k]) or from the rows of its transpose ("by column": a[k * lda + r]).
//
// a and b hold words: float32, or int32 where a word is two neighbours along k in bfloat16 and the level
// multiplies such pairs.
#pragma once

#include "simd.h"

namespace ettin::ETTIN_LEVEL {

constexpr int tile_rows = lanes == 16 ? 12 : 6;  // rows * 2 vectors of sums, within the level's registers
constexpr int tile_step = tile_rows / 3;         // the last tile has 1, 2 or 3 times as many rows
constexpr int tile_columns = 2 * lanes;          // the last panel has 1 or 2 vectors

// Full unrolling, before the compiler decides what lives in registers.
#if defined(__clang__)
#define ETTIN_UNROLL _Pragma("unroll")
#else
#define ETTIN_UNROLL _Pragma("GCC unroll 16")
#endif

inline vf every_lane(float word) { return set(word); }
inline vf multiply_word(vf a, vf b, vf sum) { return fma(a, b, sum); }
#ifdef ETTIN_HAS_DOT_PAIRS
inline vi every_lane(int32_t word) { return set_int(word); }
inline vf multiply_word(vi a, vi b, vf sum) { return dot_pairs(a, b, sum); }
#endif

template <int tall, int wide, bool by_column, bool accumulate, class Word>
inline void tile_product_fixed(int64_t depth, const Word* a, int64_t lda, const Word* b, int64_t ldb, float* c,
                               int64_t ldc) {
  using Words = decltype(every_lane(Word{}));
  vf sum[tall][wide];
  ETTIN_UNROLL
  for (int r = 0; r < tall; r++) {
    ETTIN_UNROLL
    for (int v = 0; v < wide; v++) sum[r][v] = accumulate ? load(c + r * ldc + v * lanes) : zero();
  }
  for (; depth > 0; depth--) {  // GCC keeps the sums in registers as long as nobody unrolls this loop
    Words right[wide];
    ETTIN_UNROLL
    for (int v = 0; v < wide; v++) right[v] = load(b + v * lanes);
    ETTIN_UNROLL
    for (int r = 0; r < tall; r++) {
      const Words left = every_lane(by_column ? a[r] : a[r * lda]);
      ETTIN_UNROLL
      for (int v = 0; v < wide; v++) sum[r][v] = multiply_word(left, right[v], sum[r][v]);
    }
    a += by_column ? lda : 1;
    b += ldb;
  }
  ETTIN_UNROLL
  for (int r = 0; r < tall; r++) {
    ETTIN_UNROLL
    for (int v = 0; v < wide; v++) store(c + r * ldc + v * lanes, sum[r][v]);
  }
}

// One tile of at most tile_rows rows and one or two vectors of columns. Rows are computed in steps of
// tile_step: a and c have that many, the last of them possibly unused.
template <bool by_column, bool accumulate, class Word>
__attribute__((noinline)) void tile_product(int64_t rows, int64_t columns, int64_t depth, const Word* a, int64_t lda,
                                            const Word* b, int64_t ldb, float* c, int64_t ldc) {
  const bool two = columns > lanes;
  if (rows > 2 * tile_step) {
    two ? tile_product_fixed<tile_rows, 2, by_column, accumulate>(depth, a, lda, b, ldb, c, ldc)
        : tile_product_fixed<tile_rows, 1, by_column, accumulate>(depth, a, lda, b, ldb, c, ldc);
  } else if (rows > tile_step) {
    two ? tile_product_fixed<2 * tile_step, 2, by_column, accumulate>(depth, a, lda, b, ldb, c, ldc)
        : tile_product_fixed<2 * tile_step, 1, by_column, accumulate>(depth, a, lda, b, ldb, c, ldc);
  } else {
    two ? tile_product_fixed<tile_step, 2, by_column, accumulate>(depth, a, lda, b, ldb, c, ldc)
        : tile_product_fixed<tile_step, 1, by_column, accumulate>(depth, a, lda, b, ldb, c, ldc);
  }
}

}  // namespace ettin::ETTIN_LEVEL
