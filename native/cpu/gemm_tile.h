// The inner loop of matrix products: a tile of y, a few rows by a few vectors, stays in registers while k runs.
//
// Along k everything is counted in words of a, 4 bytes: one float32, or a pair of bfloat16 neighbours where the
// level multiplies pairs. a is read where it lies, a word at a time, broadcast to all lanes. b is packed: what
// word w meets of all tile_cols columns lies side by side (gemm.h, Packing).
#pragma once

#include "gemm.h"

#if defined(__clang__)
#define ETTIN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define ETTIN_UNROLL _Pragma("GCC unroll 16")
#endif

namespace ettin::ETTIN_LEVEL {

// The accumulators, tile_vectors of b and one of a fit the registers: 32 with AVX-512, else 16.
constexpr int tile_rows = 6;
constexpr int tile_cols = panel_cols;
constexpr int tile_vectors = tile_cols / lanes;
constexpr int64_t word_bytes = 4;

// What multiplies. Of b it reads one step at a time: word w of all columns, b_bytes for each.
struct Singles {
  static constexpr int64_t k_per_word = 1, b_bytes = 4;
  using Words = vf;
  static Words broadcast(const char* p) {
    float x;
    __builtin_memcpy(&x, p, sizeof x);
    return set(x);
  }
  static void read(Words (&b)[tile_vectors], const char* p) {
    ETTIN_UNROLL for (int v = 0; v < tile_vectors; v++) b[v] = load(reinterpret_cast<const float*>(p) + v * lanes);
  }
  static vf step(Words a, Words b, vf sum) { return fma(a, b, sum); }
};

// b widened on the way: a float32 is a bfloat16 with zeros behind it.
struct Halves : Singles {
  static constexpr int64_t b_bytes = 2;
  static void read(Words (&b)[tile_vectors], const char* p) {
    ETTIN_UNROLL for (int v = 0; v < tile_vectors; v += 2) {
      const vi both = load(reinterpret_cast<const int32_t*>(p) + v / 2 * lanes);
      b[v] = bits_to_float(shift_left<16>(both));
      b[v + 1] = bits_to_float(bit_and(both, set_int(INT32_MIN >> 15)));
    }
  }
};

#ifdef ETTIN_HAS_DOT_PAIRS
// Two bfloat16 in a word: k and k + 1.
struct Pairs {
  static constexpr int64_t k_per_word = 2, b_bytes = 4;
  using Words = vi;
  static Words broadcast(const char* p) {
    int32_t x;
    __builtin_memcpy(&x, p, sizeof x);
    return set_int(x);
  }
  static void read(Words (&b)[tile_vectors], const char* p) {
    ETTIN_UNROLL for (int v = 0; v < tile_vectors; v++) b[v] = load(reinterpret_cast<const int32_t*>(p) + v * lanes);
  }
  static vf step(Words a, Words b, vf sum) { return dot_pairs(a, b, sum); }
};
#endif

// What one tile of y is made of.
struct Tile {
  int64_t words;
  const char* a;  // word w of row r at a + r * a_row_bytes + w * word_bytes
  int64_t a_row_bytes;
  const char* b;       // a panel
  const float* start;  // the sums begin here; null: at zero
  int64_t start_stride;
  float* y;  // may be start
  int64_t y_stride;
  const char* ahead;  // the panel that comes next
};

// Words between two fetches of a line of `ahead` into the second-level cache. One by one: together they would fill
// the buffers for misses.
constexpr int64_t fetch_words = tile_cols == 64 ? 4 : 8;
// The tiles that fetch a whole panel.
template <class Arithmetic>
constexpr int64_t fetching_tiles = fetch_words * Arithmetic::b_bytes * tile_cols / 64;

// y[r, :] = start[r, :] + sum over words of a[r] · b, for `rows` rows and tile_cols columns.
template <class Arithmetic, int rows>
void multiply_tile(const Tile& tile) {
  vf sum[rows][tile_vectors];
  if (tile.start) {
    ETTIN_UNROLL for (int r = 0; r < rows; r++) {
      ETTIN_UNROLL for (int v = 0; v < tile_vectors; v++) {
        sum[r][v] = load(tile.start + r * tile.start_stride + v * lanes);
      }
    }
  } else {
    ETTIN_UNROLL for (int r = 0; r < rows; r++) {
      ETTIN_UNROLL for (int v = 0; v < tile_vectors; v++) sum[r][v] = zero();
    }
  }

  const char* a = tile.a;
  const char* b = tile.b;
  const char* ahead = tile.ahead;
  const int64_t a_row_bytes = tile.a_row_bytes;
  int64_t left = tile.words;
  while (left > 0) {
    __builtin_prefetch(ahead, 0, 2);
    ahead += 64;
    const int64_t end = left > fetch_words ? left - fetch_words : 0;
    for (; left > end; left--) {
      typename Arithmetic::Words b_w[tile_vectors];
      Arithmetic::read(b_w, b);
      ETTIN_UNROLL for (int r = 0; r < rows; r++) {
        const typename Arithmetic::Words a_w = Arithmetic::broadcast(a + r * a_row_bytes);
        ETTIN_UNROLL for (int v = 0; v < tile_vectors; v++) sum[r][v] = Arithmetic::step(a_w, b_w[v], sum[r][v]);
      }
      a += word_bytes;
      b += tile_cols * Arithmetic::b_bytes;
    }
  }

  ETTIN_UNROLL for (int r = 0; r < rows; r++) {
    ETTIN_UNROLL for (int v = 0; v < tile_vectors; v++) store(tile.y + r * tile.y_stride + v * lanes, sum[r][v]);
  }
}

// The same for 1 to tile_rows rows.
template <class Arithmetic>
void multiply_tile(int64_t rows, const Tile& tile) {
  switch (rows) {
    case 6:
      return multiply_tile<Arithmetic, 6>(tile);
    case 5:
      return multiply_tile<Arithmetic, 5>(tile);
    case 4:
      return multiply_tile<Arithmetic, 4>(tile);
    case 3:
      return multiply_tile<Arithmetic, 3>(tile);
    case 2:
      return multiply_tile<Arithmetic, 2>(tile);
    default:
      return multiply_tile<Arithmetic, 1>(tile);
  }
}

}  // namespace ettin::ETTIN_LEVEL
