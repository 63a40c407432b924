// Rows of queries, keys and values on their way into attention's tiles: rotated and scaled, in the words that
// tile_product.h multiplies, transposed into panels.
//
// A tile of words is float32; where the level multiplies pairs of bfloat16, rows of bfloat16 stay what they are and
// a word is two neighbours along the sum: of a row's channels ("rows", "panels"), or of two rows ("pairs of rows").
#pragma once

#include "attention.h"
#include "tile_product.h"

namespace ettin::ETTIN_LEVEL {

template <class Word>
struct WordTraits {  // float
  using Cell = float;
  static constexpr int64_t cells = 1;
};
template <class Real>
struct WordsOf {
  using Word = float;
};
#ifdef ETTIN_HAS_DOT_PAIRS
template <>
struct WordTraits<int32_t> {
  using Cell = bf16;
  static constexpr int64_t cells = 2;
};
template <>
struct WordsOf<bf16> {
  using Word = int32_t;
};
#endif
template <class Real>
using WordOf = typename WordsOf<Real>::Word;
template <class Word>
using CellOf = typename WordTraits<Word>::Cell;
template <class Word>
constexpr int64_t cells_per_word = WordTraits<Word>::cells;

template <class Word>
CellOf<Word>* cells(Word* words) {
  return reinterpret_cast<CellOf<Word>*>(words);
}
template <class Word>
int64_t words_of(int64_t dim) {
  return ceil_div(dim, cells_per_word<Word>);
}
template <class Word>
int64_t wide_words(int64_t dim) {  // up to a whole vector
  return round_up(words_of<Word>(dim), lanes);
}

// Copies `count` rows, rotated where there is a table (row 0 stands at `position`), times `scale`. `inverse` rotates
// back. Either side may be the tile.
template <class To, class From>
void copy_rows(To* to, int64_t to_row, const From* from, int64_t from_row, int64_t count, int64_t dim, float scale,
               const float* cos, const float* sin, int64_t position, bool inverse) {
  const vf factor = set(scale);
  const int64_t half = dim / 2;
  for (int64_t t = 0; t < count; t++, to += to_row, from += from_row) {
    if (cos == nullptr) {
      for (int64_t d = 0; d < dim; d += lanes) store(to + d, mul(factor, load(from + d, dim - d)), dim - d);
      continue;
    }
    const float* cos_t = cos + (position + t) * half;
    const float* sin_t = sin + (position + t) * half;
    for (int64_t d = 0; d < half; d += lanes) {
      const int64_t n = half - d;
      const vf c = mul(factor, load(cos_t + d, n));
      const vf s = mul(set(inverse ? -scale : scale), load(sin_t + d, n));
      const vf x = load(from + d, n), y = load(from + half + d, n);
      store(to + d, fnma(y, s, mul(x, c)), n);
      store(to + half + d, fma(x, s, mul(y, c)), n);
    }
  }
}

inline void clear_rows(float* tile, int64_t stride, int64_t count, int64_t columns) {
  for (int64_t t = 0; t < count; t++) {
    for (int64_t c = 0; c < columns; c += lanes) store(tile + t * stride + c, zero());
  }
}

// A tile of words of `count` rows, their last vector filled up with zeros, and rows of zeros up to the next whole
// tile step.
template <class Word, class Real>
void load_rows(Word* tile, int64_t stride, const Real* from, int64_t from_row, int64_t count, int64_t dim, float scale,
               const float* cos, const float* sin, int64_t position) {
  constexpr int64_t per = cells_per_word<Word>;
  CellOf<Word>* rows = cells(tile);
  copy_rows(rows, stride * per, from, from_row, count, dim, scale, cos, sin, position, false);
  const int64_t wide = wide_words<Word>(dim) * per;
  for (int64_t t = 0; t < round_up(count, tile_step); t++) {
    for (int64_t c = t < count ? dim : 0; c < wide; c += lanes) store(rows + t * stride * per + c, zero(), wide - c);
  }
}

// Vectors of words. Through memcpy, because their cells may have been stored as such.
inline vf load_words(const float* p) { return load(p); }
inline vf load_words(const bf16* p) { return load(p); }  // widened
inline void store_words(float* p, vf words) { store(p, words); }
#ifdef ETTIN_HAS_DOT_PAIRS
inline vf load_words(const int32_t* p) {
  vi words;
  __builtin_memcpy(&words, p, sizeof words);
  return bits_to_float(words);
}
inline void store_words(int32_t* p, vf words) { store(p, float_to_bits(words)); }
// Of numbers that bfloat16 has.
inline vi pair_words(vf low, vf high) { return bit_or(shift_right<16>(float_to_bits(low)), float_to_bits(high)); }
#endif

// Panels [panel][words][tile_columns] of the transposed rows, whose words are whole vectors. Missing rows of the
// last vector are zero. Column `first`, a multiple of lanes, takes row 0.
template <class Word, class From>
void transpose_rows(Word* panels, int64_t first, const From* rows, int64_t stride, int64_t count, int64_t words) {
  for (int64_t t = 0; t < count; t += lanes) {
    const int64_t column = first + t;
    Word* panel = panels + column / tile_columns * tile_columns * words + column % tile_columns;
    for (int64_t d = 0; d < words; d += lanes) {
      vf block[lanes];
      for (int i = 0; i < lanes; i++) block[i] = t + i < count ? load_words(rows + (t + i) * stride + d) : zero();
      transpose(block);
      for (int i = 0; i < lanes; i++) store_words(panel + (d + i) * tile_columns, block[i]);
    }
  }
}

constexpr int64_t stage_rows = 32;  // rows copied at a time on their way to a transposed panel

// The same for keys or values from memory: by way of a tile where they are rotated or end inside a vector.
template <class Word, class Real>
void load_panels(Word* panels, Word* stage, int64_t stride, const Real* from, int64_t from_row, int64_t count,
                 int64_t dim, const float* cos, const float* sin, int64_t position) {
  constexpr int64_t per = cells_per_word<Word>;
  if (cos == nullptr && dim % (per * lanes) == 0 && from_row % per == 0) {
    if constexpr (per == 1) {
      return transpose_rows(panels, 0, from, from_row, count, dim);
    } else {
      return transpose_rows(panels, 0, reinterpret_cast<const Word*>(from), from_row / per, count, dim / per);
    }
  }
  for (int64_t t = 0; t < count; t += stage_rows) {
    const int64_t part = min(stage_rows, count - t);
    load_rows(stage, stride, from + t * from_row, from_row, part, dim, 1.0f, cos, sin, position + t);
    transpose_rows(panels, t, stage, stride, part, wide_words<Word>(dim));
  }
}

// What a product over rows reads: the rows themselves, or words of two rows each, element by element; a row that
// is missing at the end is zero. dim columns, filled up to a whole vector with zeros.
template <class Word, class Real>
void load_row_pairs(Word* tile, int64_t stride, const Real* from, int64_t from_row, int64_t count, int64_t dim) {
  if constexpr (cells_per_word<Word> == 1) {
    load_rows(tile, stride, from, from_row, count, dim, 1.0f, nullptr, nullptr, 0);
  } else {
#ifdef ETTIN_HAS_DOT_PAIRS
    for (int64_t t = 0; t < count; t += 2, tile += stride, from += 2 * from_row) {
      for (int64_t d = 0; d < dim; d += lanes) {
        const vf high = t + 1 < count ? load(from + from_row + d, dim - d) : zero();
        store(tile + d, pair_words(load(from + d, dim - d), high));
      }
    }
#endif
  }
}

}  // namespace ettin::ETTIN_LEVEL
