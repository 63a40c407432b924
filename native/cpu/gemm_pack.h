// Copies of a and b in the order in which gemm_tile.h reads them, in words along k (see there).
#pragma once

#include "gemm_tile.h"

namespace ettin::ETTIN_LEVEL {

// Reads words of a matrix whose elements are T: `lanes` of them, the first n from memory, the others zero.
// `round`: float32 elements take part as the nearest bfloat16.
template <class Arithmetic, class T>
struct Words;

template <class T>
struct Words<Singles, T> {
  bool round;

  vf rounded(vf x) const { return sizeof(T) == 4 && round ? round_to_bf16(x) : x; }
  // Words p[0], p[1], …: neighbours along k. `depth` elements are left.
  vf along(const T* p, int64_t depth) const { return rounded(load(p, depth)); }
  // The first word of each of n columns (or rows) that lie side by side; k is `stride` elements further.
  vf across(const T* p, int64_t /*stride*/, int64_t /*depth*/, int64_t n) const { return rounded(load(p, n)); }
};

template <class T>
struct Words<Halves, T> : Words<Singles, T> {};

#ifdef ETTIN_HAS_DOT_PAIRS
template <class T>
struct Words<Pairs, T> {
  bool round;

  vf along(const T* p, int64_t depth) const {
    alignas(64) bf16 pairs[2 * lanes] = {};
    if constexpr (sizeof(T) == 2) {  // the bits as they are
      __builtin_memcpy(pairs, p, static_cast<size_t>(max<int64_t>(min<int64_t>(depth, 2 * lanes), 0)) * sizeof(T));
    } else {
      store(pairs, load(p, max<int64_t>(min<int64_t>(depth, lanes), 0)));
      store(pairs + lanes, depth > lanes ? load(p + lanes, depth - lanes) : zero());
    }
    vi words;
    __builtin_memcpy(&words, pairs, sizeof words);
    return bits_to_float(words);
  }
  static vi rounded(vf x) { return float_to_bits(sizeof(T) == 2 ? x : round_to_bf16(x)); }
  vf across(const T* p, int64_t stride, int64_t depth, int64_t n) const {
    const vi low = rounded(load(p, n));
    const vi high = depth > 1 ? rounded(load(p + stride, n)) : set_int(0);
    return bits_to_float(bit_or(shift_right<16>(low), high));
  }
};
#endif

// What the functions below copy: element (k, i) of T at k * k_stride + i * stride; i is a row of a, or a column of b.
template <class T>
struct Strips {
  const T* data;
  int64_t depth, count;  // of k, of i
  int64_t k_stride, stride;
};

// Where neither stride is 1: the element's word, with zeros beyond the edges.
template <class Arithmetic, class T>
float scattered_word(const Words<Arithmetic, T>& words, const Strips<T>& s, int64_t k, int64_t i) {
  T element[2] = {};
  const int64_t left = min(s.depth - k, Arithmetic::k_per_word);
  for (int64_t j = 0; j < left; j++) element[j] = s.data[(k + j) * s.k_stride + i * s.stride];
  float word[lanes];
  store(word, words.along(element, left));
  return word[0];
}

// `lanes` words along k of `lanes` strips from i on, as rows[w] = word w of all strips (across) or
// rows[i] = all words of strip i (along), whichever is asked for.
template <bool want_along, class Arithmetic, class T>
void read_square(const Words<Arithmetic, T>& words, const Strips<T>& s, int64_t k, int64_t i, vf (&square)[lanes]) {
  constexpr int64_t per_word = Arithmetic::k_per_word;
  const int64_t depth = s.depth - k, count = s.count - i;
  const T* corner = s.data + k * s.k_stride + i * s.stride;
  if (s.k_stride == 1) {
    for (int64_t j = 0; j < lanes; j++) square[j] = j < count ? words.along(corner + j * s.stride, depth) : zero();
    if constexpr (!want_along) transpose(square);
  } else if (s.stride == 1) {
    for (int64_t w = 0; w < lanes; w++) {
      const int64_t left = depth - w * per_word;
      __builtin_prefetch(corner + (w + lanes) * per_word * s.k_stride);  // the square below
      square[w] = left > 0 ? words.across(corner + w * per_word * s.k_stride, s.k_stride, left, count) : zero();
    }
    if constexpr (want_along) transpose(square);
  } else {
    for (int64_t j = 0; j < lanes; j++) {
      float row[lanes];
      for (int64_t w = 0; w < lanes; w++) {
        row[w] = j < count && w * per_word < depth ? scattered_word(words, s, k + w * per_word, i + j) : 0.0f;
      }
      square[j] = load(row);
    }
    if constexpr (!want_along) transpose(square);
  }
}

// Columns v, v + lanes, … of one step of a panel, as Arithmetic::read finds them.
template <class Arithmetic>
void write_step(float* step, int64_t v, const vf* columns) {
  if constexpr (Arithmetic::b_bytes == 2) {
    const vi low = shift_right<16>(float_to_bits(columns[0])), high = float_to_bits(columns[1]);
    store(step + v / 2, bits_to_float(bit_or(low, bit_and(high, set_int(INT32_MIN >> 15)))));
  } else {
    store(step + v, columns[0]);
  }
}

// Panels of b, panel_bytes apart: step w of tile_cols columns (zeros past the last) at w * step_floats.
template <class Arithmetic, class T>
void pack_panels(char* packed, int64_t panel_bytes, Words<Arithmetic, T> words, Strips<T> s) {
  constexpr int64_t per_word = Arithmetic::k_per_word;
  constexpr int64_t step_floats = tile_cols * Arithmetic::b_bytes / 4;
  constexpr int together = 4 / Arithmetic::b_bytes;  // vectors that are written as one
  const int64_t total = ceil_div(s.depth, per_word);
  if (s.stride == 1) {
    // A few rows at a time through all panels: more would be more pages than the processor keeps in mind.
    constexpr int64_t few = 16;
    for (int64_t first = 0; first < total; first += few) {
      float* panel = reinterpret_cast<float*>(packed);
      for (int64_t i = 0; i < s.count; i += tile_cols, panel += panel_bytes / 4) {
        for (int64_t w = first; w < min(total, first + few); w++) {
          const int64_t k = w * per_word;
          for (int64_t v = 0; v < tile_cols; v += together * lanes) {
            vf columns[together];
            for (int64_t j = 0; j < together; j++) {
              const T* p = s.data + k * s.k_stride + i + v + j * lanes;
              const int64_t n = s.count - i - v - j * lanes;
              __builtin_prefetch(p + few * per_word * s.k_stride);
              columns[j] = n > 0 ? words.across(p, s.k_stride, s.depth - k, n) : zero();
            }
            write_step<Arithmetic>(panel + w * step_floats, v, columns);
          }
        }
      }
    }
    return;
  }
  for (int64_t i = 0; i < s.count; i += tile_cols, packed += panel_bytes) {
    for (int64_t w = 0; w < total; w += lanes) {
      for (int64_t v = 0; v < tile_cols; v += together * lanes) {
        vf squares[together][lanes];
        for (int64_t j = 0; j < together; j++)
          read_square<false>(words, s, w * per_word, i + v + j * lanes, squares[j]);
        float* step = reinterpret_cast<float*>(packed) + w * step_floats;
        for (int64_t r = 0; r < lanes && w + r < total; r++, step += step_floats) {
          vf columns[together];
          for (int64_t j = 0; j < together; j++) columns[j] = squares[j][r];
          write_step<Arithmetic>(step, v, columns);
        }
      }
    }
  }
}

// Rows of a: word w of row r at r * row_words + w. row_words is a multiple of `lanes`, the rows' number too: the
// room past the last is written.
template <class Arithmetic, class T>
void pack_rows(float* packed, int64_t row_words, Words<Arithmetic, T> words, Strips<T> s) {
  constexpr int64_t per_word = Arithmetic::k_per_word;
  const int64_t total = ceil_div(s.depth, per_word);
  if (s.k_stride == 1) {
    for (int64_t r = 0; r < s.count; r++) {
      for (int64_t w = 0; w < total; w += lanes) {
        const int64_t k = w * per_word;
        store(packed + r * row_words + w, words.along(s.data + r * s.stride + k, s.depth - k));
      }
    }
    return;
  }
  for (int64_t w = 0; w < total; w += lanes) {
    for (int64_t r = 0; r < s.count; r += lanes) {
      vf square[lanes];
      read_square<true>(words, s, w * per_word, r, square);
      for (int64_t j = 0; j < lanes; j++) store(packed + (r + j) * row_words + w, square[j]);
    }
  }
}

}  // namespace ettin::ETTIN_LEVEL
