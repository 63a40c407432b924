// attention.cpp, forward. A task is a range of queries of one sequence and all query heads of one key head.
// It goes through the keys in chunks. Sequences of at most chunk_keys keys, and windows narrow enough for a
// tile of scores, see all their keys in one chunk; other rows keep a running maximum and sum and rescale what
// they have. Chunks start at fixed keys, so that a row has the same bits with and without a cache.
#pragma once

#include "attention_tiles.h"

namespace ettin::ETTIN_LEVEL {

constexpr int64_t chunk_keys = 512;
constexpr int64_t task_rows = 5 * block_rows;

struct ForwardPlan {
  bool whole;     // what a block of queries sees fits into one chunk, wherever the block starts
  int64_t rows;   // queries of a task
  int64_t group;  // query heads of a key head
  int64_t stride, score_stride;

  explicit ForwardPlan(const Attention& a) {
    const int64_t span = a.left + a.right + 1;
    group = a.heads / a.kv_heads;
    whole = span + block_rows - 1 <= chunk_keys;
    rows = max(block_rows, task_rows / group / block_rows * block_rows);
    if (whole) rows = min(rows, (chunk_keys - span + 1) / block_rows * block_rows);
    stride = tile_stride(a.dim);
    score_stride = tile_stride(chunk_keys + margin);
  }
};

template <class Word>
struct ForwardTiles {
  Word *keys, *values, *stage, *q;
  float* scores;               // then the words of the probabilities
  float *sums, *best, *total;  // of every query of the task: unscaled output, largest score, sum of exponentials
  int64_t floats;

  ForwardTiles(const ForwardPlan& p, float* scratch) {
    Cutter cut{scratch, 0};
    const int64_t columns = chunk_keys + margin + tile_columns;
    keys = cut.take<Word>(columns * p.stride);
    values = cut.take<Word>(columns * p.stride);
    stage = cut.take<Word>(stage_rows * p.stride);
    q = cut.take<Word>((block_rows + tile_rows) * p.stride);
    scores = cut.take((block_rows + tile_rows) * p.score_stride);
    sums = cut.take((p.group * p.rows + tile_rows) * p.stride);
    best = cut.take(p.group * p.rows);
    total = cut.take(p.group * p.rows);
    floats = cut.floats;
  }
};

// Natural logarithm, by the series of artanh: arithmetic alone, so every machine of a level agrees.
inline double natural_log(float x) {
  const uint32_t u = __builtin_bit_cast(uint32_t, x);
  int exponent = static_cast<int>(u >> 23) - 127;
  double f = static_cast<double>(__builtin_bit_cast(float, (u & 0x7fffffu) | 0x3f800000u));
  if (f > 1.41421356) {
    f *= 0.5;
    exponent++;
  }
  const double s = (f - 1.0) / (f + 1.0), z = s * s;
  const double series = 1.0 + z * (1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * (1.0 / 9 + z * (1.0 / 11)))));
  return exponent * 0.693147180559945309 + 2.0 * s * series;
}

// A row of scores, `unit` ln 2 each, becomes exponentials relative to the largest so far.
template <class Word>
void exponentials(float* row, int64_t from, int64_t to, float unit, float* best, float* total, float* sums,
                  int64_t dim) {
  const vf units = set(unit);
  vf high = load_scores<Word>(row + from, units);
  for (int64_t c = from + lanes; c < to; c += lanes) high = max(high, load_scores<Word>(row + c, units));
  const float before = *best;
  const float now = max(before, reduce_max(high));
  const vf shift = set(now == -__builtin_inff() ? 0.0f : now);
  vf sum = zero();
  for (int64_t c = from; c < to; c += lanes) {
    const vf p = exp2(sub(load_scores<Word>(row + c, units), shift));
    store(row + c, p);
    sum = add(sum, p);
  }
  if (before == -__builtin_inff()) {
    *total = reduce_add(sum);
  } else {
    const vf shrink = exp2(sub(set(before), shift));
    float factor[lanes];
    store(factor, shrink);
    *total = *total * factor[0] + reduce_add(sum);
    if (now > before) {
      for (int64_t d = 0; d < dim; d += lanes) store(sums + d, mul(load(sums + d), shrink));
    }
  }
  *best = now;
}

// A row of probabilities becomes the words that meet the values: word c / 2 of the row has columns c and c + 1.
template <class Word>
void round_row(float* row, int64_t from, int64_t to) {
  if constexpr (cells_per_word<Word> == 2) {
    auto* rounded = reinterpret_cast<CellOf<Word>*>(row);
    for (int64_t c = from; c < to; c += lanes) store(rounded + c, load(row + c));
  }
}

template <class Real>
void forward_task(const Attention& a, const ForwardPlan& plan, const ForwardTiles<WordOf<Real>>& tiles, int64_t b,
                  Range rows, int64_t kv_head, bool more, const View& y, const View& lse) {
  using Word = WordOf<Real>;
  const ScoreScale scale = score_scale<Word>(a);
  Ahead ahead;
  const Band band = band_of(a, b);
  const int64_t query0 = a.query_offsets[b], key0 = a.key_offsets[b], wide = round_up(a.dim, lanes);
  const int64_t count = rows.end - rows.begin, stride = plan.stride, ldp = plan.score_stride;
  const Real* q = static_cast<const Real*>(a.q.data) + query0 * a.q.row;
  const Real* k = static_cast<const Real*>(a.k.data) + key0 * a.k.row + kv_head * a.k.head;
  const Real* v = static_cast<const Real*>(a.v.data) + key0 * a.v.row + kv_head * a.v.head;

  for (int64_t i = 0; i < plan.group * count; i++) {
    tiles.best[i] = -__builtin_inff();
    tiles.total[i] = 0.0f;
  }

  const Range keys = keys_seen(band, rows);
  Range chunk{keys.begin / 16 * 16, keys.begin};
  const bool one = plan.whole || keys.end <= (chunk.begin / chunk_keys + 1) * chunk_keys;  // chunk: nothing to add to
  if (!one || keys.empty()) clear_rows(tiles.sums, stride, plan.group * count, wide);
  for (; chunk.end < keys.end; chunk.begin = chunk.end) {
    chunk.end = one ? keys.end : min(keys.end, (chunk.begin / chunk_keys + 1) * chunk_keys);
    const int64_t n = chunk.end - chunk.begin;
    load_panels(tiles.keys, tiles.stage, stride, k + chunk.begin * a.k.row, a.k.row, n, a.dim, a.cos, a.sin,
                chunk.begin);
    load_row_pairs(tiles.values, stride, v + chunk.begin * a.v.row, a.v.row, n, a.dim);

    const int64_t left = keys.end - chunk.end;
    if (left > 0 || more) {
      const int64_t row = left > 0 ? chunk.end : keys.begin, next = left > 0 ? 0 : 1;
      const int64_t m = left > 0 ? left : keys.end - keys.begin;
      ahead.add(k + row * a.k.row + next * a.k.head, a.k.row, m, a.dim);
      ahead.add(v + row * a.v.row + next * a.v.head, a.v.row, m, a.dim);
    }

    for (int64_t g = 0; g < plan.group; g++) {
      const int64_t head = kv_head * plan.group + g;
      for (int64_t first = rows.begin; first < rows.end; first += block_rows) {
        const int64_t m = min(block_rows, rows.end - first);
        const Range seen = overlap(keys_seen(band, {first, first + m}), chunk);
        const int64_t state = g * count + first - rows.begin;
        if (seen.empty()) {
          if (one) clear_rows(tiles.sums + state * stride, stride, m, wide);
          continue;
        }
        const int64_t then = first + block_rows;
        if (then < rows.end) {
          ahead.add(q + then * a.q.row + head * a.q.head, a.q.row, min(block_rows, rows.end - then), a.dim);
        } else if (g + 1 < plan.group || more) {
          ahead.add(q + rows.begin * a.q.row + (head + 1) * a.q.head, a.q.row, min(block_rows, count), a.dim);
        }
        if (left == 0) {
          ahead.add(as<Real>(y) + ((query0 + first) * a.heads + head) * a.dim, a.heads * a.dim, m, a.dim);
        }
        const TileSpans spans = tile_spans(band, first, m, chunk, chunk.begin);
        load_rows(tiles.q, stride, q + first * a.q.row + head * a.q.head, a.q.row, m, a.dim, scale.of_queries, a.cos,
                  a.sin, first);
        score_product(spans, a.dim, tiles.q, stride, tiles.keys, tiles.scores, ldp, ahead);

        for (int64_t t = 0; t < spans.count; t++) {
          const TileSpan& s = spans.at[t];
          for (int64_t r = s.row; r < s.row + s.rows; r++) {
            float* row = tiles.scores + r * ldp;
            const Range own = overlap(keys_seen(band, {first + r, first + r + 1}), chunk);
            hide(row, s.from, s.to, own.begin - chunk.begin, own.end - chunk.begin);
            if (own.empty()) {
              for (int64_t c = s.from; c < s.to; c += lanes) store(row + c, zero());
              round_row<Word>(row, s.from, s.to);
              continue;
            }
            exponentials<Word>(row, s.from, s.to, scale.of_scores, tiles.best + state + r, tiles.total + state + r,
                               tiles.sums + (state + r) * stride, wide);
            if (a.rate > 0.0) {
              dropout_row(a, b, head, first + r + band.shift).each(chunk.begin, s.from, s.to, [&](int64_t c, mask m) {
                store(row + c, select(m, load(row + c), zero()));
              });
            }
            round_row<Word>(row, s.from, s.to);
          }
        }
        value_product(spans, a.dim, reinterpret_cast<const Word*>(tiles.scores), ldp, tiles.values, stride,
                      tiles.sums + state * stride, stride, one, ahead);
      }
    }
  }

  const float keep = a.rate > 0.0 ? keep_scale(a) : 1.0f;
  for (int64_t g = 0; g < plan.group; g++) {
    const int64_t head = kv_head * plan.group + g;
    for (int64_t r = 0; r < count; r++) {
      const int64_t t = query0 + rows.begin + r, state = g * count + r;
      const float total = tiles.total[state];
      copy_rows(as<Real>(y) + (t * a.heads + head) * a.dim, a.dim, tiles.sums + state * stride, stride, 1, a.dim,
                total == 0.0f ? 0.0f : keep / total, nullptr, nullptr, 0, false);
      as<float>(lse)[head * a.queries + t] =
          total == 0.0f ? -__builtin_inff()
                        : static_cast<float>(tiles.best[state] * double{0.693147180559945309} + natural_log(total));
    }
  }
}

}  // namespace ettin::ETTIN_LEVEL
