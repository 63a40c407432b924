// The pieces of attention: which keys a query sees, products of tiles over what is seen, rows of probabilities.
#pragma once

#include "attention_rows.h"

namespace ettin::ETTIN_LEVEL {

constexpr int64_t block_rows = 96;  // queries in a tile of scores: a multiple of tile_rows at every level
constexpr int64_t margin = 16;      // columns of zeros on both sides of what a tile's rows see
constexpr float log2_e = 1.44269504088896341f;
constexpr float ln_2 = 0.693147180559945309f;

// The rows of a tile start on different sets of the first cache: an odd number of 64-byte lines apart.
inline int64_t tile_stride(int64_t columns) { return (ceil_div(columns, 16) | 1) * 16; }

// Query i of a sequence stands at place i + shift among its keys, so that the last query stands at the last key.
struct Band {
  int64_t queries, keys, shift, left, right;

  int64_t first_key(int64_t i) const { return max<int64_t>(0, i + shift - left); }
  int64_t end_key(int64_t i) const { return max<int64_t>(0, min(keys, i + shift + right + 1)); }
  int64_t first_query(int64_t j) const { return max<int64_t>(0, j - right - shift); }
  int64_t end_query(int64_t j) const { return max<int64_t>(0, min(queries, j + left - shift + 1)); }
};
struct Range {
  int64_t begin, end;
  bool empty() const { return begin >= end; }
};
inline Range overlap(Range a, Range b) { return {max(a.begin, b.begin), min(a.end, b.end)}; }
inline Range keys_seen(const Band& band, Range queries) {  // queries not empty
  return {band.first_key(queries.begin), band.end_key(queries.end - 1)};
}
inline Range queries_seeing(const Band& band, Range keys) {  // keys not empty
  return {band.first_query(keys.begin), band.end_query(keys.end - 1)};
}

inline Band band_of(const Attention& a, int64_t b) {
  const int64_t queries = a.query_offsets[b + 1] - a.query_offsets[b];
  const int64_t keys = a.key_offsets[b + 1] - a.key_offsets[b];
  return {queries, keys, keys - queries, a.left, a.right};
}

// Rows that the next block or head will touch. They lie too far apart for the machine to guess, so that tiles
// would wait for memory: each product of tiles asks for a few of them to come to the second cache meanwhile.
class Ahead {
 public:
  template <class Real>
  void add(const Real* rows, int64_t stride, int64_t count, int64_t dim) {
    constexpr int64_t size = sizeof(Real);
    if (used_ < most && count > 0) {
      queue_[used_++] = {reinterpret_cast<const char*>(rows), stride * size, dim * size, min<int64_t>(count, 256)};
    }
  }
  void step() {
    for (int row = 0; row < 3 && next_ < used_; row++) {
      Rows& rows = queue_[next_];
      for (int64_t byte = 0; byte < rows.bytes; byte += 64) __builtin_prefetch(rows.at + byte, 0, 2);
      rows.at += rows.stride;
      if (--rows.count == 0) next_++;
    }
    if (next_ == used_) next_ = used_ = 0;
  }

 private:
  static constexpr int most = 16;
  struct Rows {
    const char* at;
    int64_t stride, bytes, count;
  };
  Rows queue_[most];
  int next_ = 0, used_ = 0;
};

// 2^x within 2 units in the last place, for x up to 127: 0 below -126 (also for -infinity), NaN for NaN.
// 2^r on [-1/2, 1/2] by the polynomial of degree 6 with the least relative error, 2.6e-9.
inline vf exp2(vf x) {
  const vf n = round(x);
  const vf r = sub(x, n);
  vf p = set(1.5594678161326619e-4f);
  p = fma(p, r, set(1.3406643902351759e-3f));
  p = fma(p, r, set(9.6176929729930623e-3f));
  p = fma(p, r, set(5.5503105510137972e-2f));
  p = fma(p, r, set(0.24022652782887737f));
  p = fma(p, r, set(0.6931472149680279f));
  p = fma(p, r, set(1.0f));
  const vf y = bits_to_float(add(float_to_bits(p), shift_left<23>(float_to_int(n))));
  return select(less(x, set(-126.0f)), zero(), y);
}

// Scores are wanted in units of ln 2. Float32 queries are scaled on their way into the tile; pairs of bfloat16 would
// be rounded once more, so their scores are scaled when they are read.
struct ScoreScale {
  float of_queries, of_scores;
  float of_keys;  // what their gradient, a sum of ds times the tile's queries, has to be multiplied by
};
template <class Word>
ScoreScale score_scale(const Attention& a) {
  const float unit = static_cast<float>(a.scale * log2_e);
  const bool late = cells_per_word<Word> == 2 && unit > 0.0f;  // else -infinity times it would see hidden keys
  return late ? ScoreScale{1.0f, unit, static_cast<float>(a.scale)} : ScoreScale{unit, 1.0f, ln_2};
}
template <class Word>
vf load_scores(const float* row, vf unit) {
  return cells_per_word<Word> == 2 ? mul(load(row), unit) : load(row);
}

// A tile row's scores outside [begin, end) of the computed columns [from, to) become -infinity.
inline void hide(float* row, int64_t from, int64_t to, int64_t begin, int64_t end) {
  for (int64_t c = from; c < min(begin, to); c++) row[c] = -__builtin_inff();
  for (int64_t c = max(end, from); c < to; c++) row[c] = -__builtin_inff();
}

// Which probabilities of one query stay. Of every 64 keys, key 64g + 16w + l draws word w of counter 16g + l.
struct DropoutRow {
  int32_t threshold;
  PhiloxKey key;
  int32_t query, sequence, place;

  // body(column, mask) for each vector of columns in [from, to); column 0 is key `start`, a multiple of 16
  template <class Body>
  void each(int64_t start, int64_t from, int64_t to, const Body& body) const {
    for (int64_t key64 = (start + from) / 64 * 64; key64 < start + to; key64 += 64) {
      for (int l = 0; l < 16; l += lanes) {
        const vi counter = add(set_int(static_cast<int32_t>(key64 / 4 + l)), iota());
        const Draw draw = philox(counter, set_int(query), set_int(sequence), set_int(place), key);
        for (int w = 0; w < 4; w++) {
          const int64_t column = key64 + 16 * w + l - start;
          if (column >= from && column < to) body(column, kept(draw.word[w], threshold));
        }
      }
    }
  }
};
inline DropoutRow dropout_row(const Attention& a, int64_t b, int64_t head, int64_t place) {
  const int64_t number = a.numbers ? a.numbers[b] : a.first_number + b;
  return {dropout_threshold(a.rate), a.key, static_cast<int32_t>(place), static_cast<int32_t>(number),
          philox_place(a.site, head)};
}
inline float keep_scale(const Attention& a) { return a.rate < 1.0 ? static_cast<float>(1.0 / (1.0 - a.rate)) : 0.0f; }

// Up to tile_rows queries of a block and the columns of the tile that they see.
struct TileSpan {
  int64_t row, rows;
  int64_t begin, end;  // seen by at least one of the rows; empty where equal
  int64_t from, to;    // computed: begin rounded down to a panel, end rounded up to a vector
};
struct TileSpans {
  int64_t count;
  TileSpan at[block_rows / tile_rows + 1];
};

// The tiles of the queries [first, first + rows); column 0 is key `start`, `keys` those at hand.
inline TileSpans tile_spans(const Band& band, int64_t first, int64_t rows, Range keys, int64_t start) {
  TileSpans spans{0, {}};
  for (int64_t row = 0; row < rows; row += tile_rows) {
    const int64_t n = min<int64_t>(tile_rows, rows - row);
    const Range seen = overlap(keys_seen(band, {first + row, first + row + n}), keys);
    if (seen.empty()) {
      spans.at[spans.count++] = {row, n, 0, 0, 0, 0};
      continue;
    }
    const int64_t begin = seen.begin - start, end = seen.end - start;
    spans.at[spans.count++] = {row, n, begin, end, begin / tile_columns * tile_columns, round_up(end, lanes)};
  }
  return spans;
}

// c[row, column] = sum_d a[row, d] * panels[d, column], where a row may see the column
template <class Word>
void score_product(const TileSpans& spans, int64_t dim, const Word* a, int64_t lda, const Word* panels, float* c,
                   int64_t ldc, Ahead& ahead) {
  int64_t from = spans.at[0].from, to = 0;
  for (int64_t t = 0; t < spans.count; t++) {
    if (spans.at[t].to > 0) from = min(from, spans.at[t].from);
    to = max(to, spans.at[t].to);
  }
  for (int64_t column = from; column < to; column += tile_columns) {
    const Word* panel = panels + column * wide_words<Word>(dim);
    for (int64_t t = 0; t < spans.count; t++) {
      const TileSpan& s = spans.at[t];
      if (column < s.from || column >= s.to) continue;
      tile_product<false, false>(s.rows, s.to - column, words_of<Word>(dim), a + s.row * lda, lda, panel, tile_columns,
                                 c + s.row * ldc + column, ldc);
      ahead.step();
    }
  }
}

// c[row, d] += sum_j p[row, j] * b[j, d] over the columns j that a row sees; `fresh`: c holds nothing yet. In words:
// p's rows, and b's rows or pairs of rows; a column beside those seen, in the word of one that is, is zero.
template <class Word>
void value_product(const TileSpans& spans, int64_t dim, const Word* p, int64_t ldp, const Word* b, int64_t ldb,
                   float* c, int64_t ldc, bool fresh, Ahead& ahead) {
  constexpr int64_t per = cells_per_word<Word>;
  constexpr int64_t piece = 256;  // rows of b whose panel stays in the first cache
  const int64_t wide = round_up(dim, lanes);
  int64_t to = 0;
  for (int64_t t = 0; t < spans.count; t++) {
    const TileSpan& s = spans.at[t];
    to = max(to, ceil_div(s.end, per));
    if (fresh && s.begin == s.end) clear_rows(c + s.row * ldc, ldc, s.rows, wide);
  }
  for (int64_t j = 0; j < to; j += piece) {
    for (int64_t d = 0; d < wide; d += tile_columns) {
      for (int64_t t = 0; t < spans.count; t++) {
        const TileSpan& s = spans.at[t];
        const Range k = overlap({s.begin / per, ceil_div(s.end, per)}, {j, j + piece});
        if (k.empty()) continue;
        const bool starts = fresh && k.begin == s.begin / per;
        const auto product = starts ? tile_product<false, false, Word> : tile_product<false, true, Word>;
        product(s.rows, wide - d, k.end - k.begin, p + s.row * ldp + k.begin, ldp, b + k.begin * ldb + d, ldb,
                c + s.row * ldc + d, ldc);
        ahead.step();
      }
    }
  }
}

// A worker's scratch, cut into tiles; without memory it only counts.
struct Cutter {
  float* scratch;
  int64_t floats;
  template <class Word = float>
  Word* take(int64_t count) {
    float* tile = scratch ? scratch + floats : nullptr;
    floats += round_up(count, 16);
    return reinterpret_cast<Word*>(tile);
  }
};

}  // namespace ettin::ETTIN_LEVEL
