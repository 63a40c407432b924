// attention.cpp, backward. A task is a range of keys of one sequence and one key head, with all its query heads:
// it writes dk and dv of these keys and dq of the queries at the same places. Where a window bounds what is seen,
// long sequences are cut into such ranges; each computes what crosses its ends anew, so that no sum is shared.
//
//   p[i,j]  = exp(scale * q[i]·k[j] - lse[i])      delta[i] = sum_d dy[i,d] * y[i,d]
//   dv[j]   = sum_i p[i,j] * dy[i]                 ds[i,j]  = p[i,j] * (dy[i]·v[j] - delta[i])
//   dk[j]   = scale * sum_i ds[i,j] * q[i]         dq[i]    = scale * sum_j ds[i,j] * k[j]
#pragma once

#include "attention_tiles.h"

namespace ettin::ETTIN_LEVEL {

constexpr int64_t backward_keys = 256;    // keys of a chunk
constexpr int64_t backward_range = 1024;  // keys of a task, where a window bounds it

struct BackwardPlan {
  int64_t rows;   // most queries of which a task writes dq
  int64_t group;  // query heads of a key head
  int64_t stride, score_stride;
};

template <class Word>
struct BackwardTiles {
  Word *keys, *values, *stage;   // panels
  Word *q, *dy;                  // rows
  Word *k, *q_pairs, *dy_pairs;  // what products over rows read; of float32 the rows themselves
  float *p, *ds, *lse, *delta;   // p and ds then as pairs of rows
  Word* ds_rows;
  float *dk, *dv, *dq;
  int64_t floats;

  BackwardTiles(const BackwardPlan& plan, float* scratch) {
    Cutter cut{scratch, 0};
    const int64_t columns = (backward_keys + margin + tile_columns) * plan.stride;
    const int64_t queries = (block_rows + tile_rows) * plan.stride,
                  scores = (block_rows + tile_rows) * plan.score_stride;
    constexpr bool pairs = cells_per_word<Word> == 2;
    k = cut.take<Word>(columns);
    keys = cut.take<Word>(columns);
    values = cut.take<Word>(columns);
    stage = cut.take<Word>((pairs ? backward_keys + margin : stage_rows) * plan.stride);
    q = cut.take<Word>(queries);
    dy = cut.take<Word>(queries);
    q_pairs = pairs ? cut.take<Word>(queries) : q;
    dy_pairs = pairs ? cut.take<Word>(queries) : dy;
    p = cut.take(scores);
    ds = cut.take(scores);
    ds_rows = pairs ? cut.take<Word>(scores) : reinterpret_cast<Word*>(ds);
    lse = cut.take(block_rows);
    delta = cut.take(block_rows);
    dk = cut.take(columns);
    dv = cut.take(columns);
    dq = cut.take((plan.group * plan.rows + tile_rows) * plan.stride);
    floats = cut.floats;
  }
};

struct BackwardTask {
  int64_t sequence, kv_head;
  Range keys, queries;
  bool more;  // the next key head follows
};

template <class Real>
struct Backward {
  using Word = WordOf<Real>;
  static constexpr int64_t per = cells_per_word<Word>;

  const Attention& a;
  const BackwardPlan& plan;
  const BackwardTiles<WordOf<Real>>& tiles;
  const Real *y, *dy;  // [queries, heads * dim]
  const float* lse;
  HeadRows dq, dk, dv;
  ScoreScale scale;

  const Real* keys_at(int64_t row, int64_t kv_head) const {
    return static_cast<const Real*>(a.k.data) + row * a.k.row + kv_head * a.k.head;
  }
  const Real* values_at(int64_t row, int64_t kv_head) const {
    return static_cast<const Real*>(a.v.data) + row * a.v.row + kv_head * a.v.head;
  }
  const Real* queries_at(int64_t row, int64_t head) const {
    return static_cast<const Real*>(a.q.data) + row * a.q.row + head * a.q.head;
  }

  void expect_queries(Ahead& ahead, int64_t row, int64_t head, int64_t count) const {
    const int64_t width = a.heads * a.dim, most = min(count, block_rows);
    ahead.add(queries_at(row, head), a.q.row, most, a.dim);
    ahead.add(dy + row * width + head * a.dim, width, most, a.dim);
    ahead.add(y + row * width + head * a.dim, width, most, a.dim);
  }

  void run(const BackwardTask& task) const {
    Ahead ahead;
    const Band band = band_of(a, task.sequence);
    const int64_t wide = round_up(a.dim, lanes), stride = plan.stride;
    const int64_t key0 = a.key_offsets[task.sequence], query0 = a.query_offsets[task.sequence];
    const int64_t count = max<int64_t>(0, task.queries.end - task.queries.begin);
    Range all = task.keys;  // and what the queries see beyond them
    if (count > 0) {
      const Range seen = keys_seen(band, task.queries);
      if (!seen.empty()) all = all.empty() ? seen : Range{min(all.begin, seen.begin), max(all.end, seen.end)};
    }
    const int64_t first = all.begin / backward_keys * backward_keys;
    const Range met = all.empty() ? all : queries_seeing(band, all);
    const bool fresh =  // every query of the task meets one chunk: dq need not be added up
        all.end <= first + backward_keys && met.begin <= task.queries.begin && met.end >= task.queries.end;
    if (!fresh) clear_rows(tiles.dq, stride, plan.group * count, wide);
    for (int64_t c = first; c < all.end; c += backward_keys) {
      const Range chunk = overlap({c, c + backward_keys}, {all.begin / 16 * 16, all.end});
      const bool own = c >= task.keys.begin && c < task.keys.end;
      const Range asking = own ? queries_seeing(band, chunk) : overlap(queries_seeing(band, chunk), task.queries);
      load_keys(task, key0, chunk);
      const int64_t left = all.end - chunk.end;
      if (left > 0 || task.more) {
        const int64_t row = key0 + (left > 0 ? chunk.end : all.begin), head = task.kv_head + (left > 0 ? 0 : 1);
        const int64_t count = min(backward_keys, left > 0 ? left : all.end - all.begin);
        ahead.add(keys_at(row, head), a.k.row, count, a.dim);
        ahead.add(values_at(row, head), a.v.row, count, a.dim);
      }
      if (own) {
        const int64_t n = chunk.end - chunk.begin, row = key0 + chunk.begin;
        ahead.add(static_cast<Real*>(dk.data) + row * dk.row + task.kv_head * dk.head, dk.row, n, a.dim);
        ahead.add(static_cast<Real*>(dv.data) + row * dv.row + task.kv_head * dv.head, dv.row, n, a.dim);
        const int64_t rows = round_up(chunk.end - chunk.begin, tile_rows);
        clear_rows(tiles.dk, stride, rows, wide);
        clear_rows(tiles.dv, stride, rows, wide);
      }
      const Range parts[3] = {{asking.begin, min(asking.end, task.queries.begin)},
                              overlap(asking, task.queries),
                              {max(asking.begin, task.queries.end), asking.end}};
      for (int64_t g = 0; g < plan.group; g++) {
        for (int part = 0; part < 3; part++) {
          for (int64_t i = parts[part].begin; i < parts[part].end; i += block_rows) {
            const int64_t head = task.kv_head * plan.group + g, then = i + block_rows;
            if (then < asking.end) {
              expect_queries(ahead, query0 + then, head, asking.end - then);
            } else if (g + 1 < plan.group || task.more) {
              expect_queries(ahead, query0 + asking.begin, head + 1, asking.end - asking.begin);
            }
            block(task, band, chunk, g, {i, min(i + block_rows, parts[part].end)}, own,
                  part == 1 ? tiles.dq + (g * count + i - task.queries.begin) * stride : nullptr, fresh, ahead);
          }
        }
      }
      if (own) {
        const int64_t n = chunk.end - chunk.begin;
        copy_rows(static_cast<Real*>(dk.data) + (key0 + chunk.begin) * dk.row + task.kv_head * dk.head, dk.row,
                  tiles.dk, stride, n, a.dim, scale.of_keys, a.cos, a.sin, chunk.begin, true);
        copy_rows(static_cast<Real*>(dv.data) + (key0 + chunk.begin) * dv.row + task.kv_head * dv.head, dv.row,
                  tiles.dv, stride, n, a.dim, 1.0f, nullptr, nullptr, 0, false);
      }
    }
    for (int64_t g = 0; g < plan.group; g++) {
      const int64_t head = task.kv_head * plan.group + g;
      copy_rows(static_cast<Real*>(dq.data) + (query0 + task.queries.begin) * dq.row + head * dq.head, dq.row,
                tiles.dq + g * count * stride, stride, count, a.dim, static_cast<float>(a.scale), a.cos, a.sin,
                task.queries.begin, true);
    }
  }

  void load_keys(const BackwardTask& task, int64_t key0, Range chunk) const {
    const int64_t n = chunk.end - chunk.begin, stride = plan.stride, first = key0 + chunk.begin;
    Word* rows = per == 1 ? tiles.k : tiles.stage;
    load_rows(rows, stride, keys_at(first, task.kv_head), a.k.row, n, a.dim, 1.0f, a.cos, a.sin, chunk.begin);
    transpose_rows(tiles.keys, 0, rows, stride, n, wide_words<Word>(a.dim));
    if (per == 2) load_row_pairs(tiles.k, stride, cells(rows), stride * per, n, a.dim);
    load_panels(tiles.values, tiles.stage, stride, values_at(first, task.kv_head), a.v.row, n, a.dim, nullptr, nullptr,
                0);
  }

  // Rotated queries, gradients of the outputs, and what each row needs of the softmax.
  void load_queries(int64_t query0, int64_t head, Range rows) const {
    const int64_t m = rows.end - rows.begin, stride = plan.stride, first = query0 + rows.begin;
    load_rows(tiles.q, stride, queries_at(first, head), a.q.row, m, a.dim, scale.of_queries, a.cos, a.sin, rows.begin);
    const int64_t row = a.heads * a.dim;
    load_rows(tiles.dy, stride, dy + first * row + head * a.dim, row, m, a.dim, 1.0f, nullptr, nullptr, 0);
    if (per == 2) {
      load_row_pairs(tiles.q_pairs, stride, cells(tiles.q), stride * per, m, a.dim);
      load_row_pairs(tiles.dy_pairs, stride, cells(tiles.dy), stride * per, m, a.dim);
    }
    for (int64_t r = 0; r < m; r++) {
      const Real* y_r = y + (first + r) * row + head * a.dim;
      const auto* dy_r = cells(tiles.dy) + r * stride * per;
      vf sum = zero();
      for (int64_t d = 0; d < a.dim; d += lanes) sum = fma(load(dy_r + d), load(y_r + d, a.dim - d), sum);
      tiles.delta[r] = reduce_add(sum);
      tiles.lse[r] = lse[head * a.queries + first + r] * log2_e;
    }
  }

  void block(const BackwardTask& task, const Band& band, Range chunk, int64_t g, Range rows, bool own, float* dq_rows,
             bool fresh, Ahead& ahead) const {
    const int64_t head = task.kv_head * plan.group + g, stride = plan.stride, ldp = plan.score_stride;
    const TileSpans spans = tile_spans(band, rows.begin, rows.end - rows.begin, chunk, chunk.begin);
    load_queries(a.query_offsets[task.sequence], head, rows);
    score_product(spans, a.dim, tiles.q, stride, tiles.keys, tiles.p, ldp, ahead);
    score_product(spans, a.dim, tiles.dy, stride, tiles.values, tiles.ds, ldp, ahead);
    for (int64_t t = 0; t < spans.count; t++) {
      const TileSpan& s = spans.at[t];
      for (int64_t r = s.row; r < s.row + s.rows; r++) {
        const int64_t i = rows.begin + r;
        const Range all = keys_seen(band, {i, i + 1}), seen = overlap(all, chunk);
        probabilities(task, head, i + band.shift, r, s, {seen.begin - chunk.begin, seen.end - chunk.begin},
                      chunk.begin);
        if (all.end - all.begin == 1) {  // the softmax of one score is constant: no rounding error as a gradient
          for (int64_t c = s.from; c < s.to; c += lanes) store(tiles.ds + r * ldp + c, zero());
        }
      }
      round_rows(s);
    }
    if (own) key_products(band, chunk, rows, ahead);
    if (dq_rows) value_product(spans, a.dim, tiles.ds_rows, ldp, tiles.k, stride, dq_rows, stride, fresh, ahead);
  }

  // Scores and dy·v of a row become the (dropped) probabilities and ds, with zeros around what is seen.
  void probabilities(const BackwardTask& task, int64_t head, int64_t place, int64_t r, const TileSpan& s, Range seen,
                     int64_t start) const {
    float* p = tiles.p + r * plan.score_stride;
    float* ds = tiles.ds + r * plan.score_stride;
    for (int64_t c = max<int64_t>(0, s.from - margin); c < s.from; c += lanes) {
      store(p + c, zero());
      store(ds + c, zero());
    }
    for (int64_t c = s.to; c < s.to + margin; c += lanes) {
      store(p + c, zero());
      store(ds + c, zero());
    }
    if (seen.empty()) {
      for (int64_t c = s.from; c < s.to; c += lanes) {
        store(p + c, zero());
        store(ds + c, zero());
      }
      return;
    }
    hide(p, s.from, s.to, seen.begin, seen.end);
    const vf unit = set(scale.of_scores), shift = set(tiles.lse[r]), delta = set(tiles.delta[r]);
    if (a.rate > 0.0) {
      const vf keep = set(keep_scale(a));
      dropout_row(a, task.sequence, head, place).each(start, s.from, s.to, [&](int64_t c, mask m) {
        const vf q = exp2(sub(load_scores<Word>(p + c, unit), shift));
        const vf kept = select(m, keep, zero());
        store(p + c, mul(q, kept));
        store(ds + c, mul(q, sub(mul(load(ds + c), kept), delta)));
      });
      return;
    }
    for (int64_t c = s.from; c < s.to; c += lanes) {
      const vf q = exp2(sub(load_scores<Word>(p + c, unit), shift));
      store(p + c, q);
      store(ds + c, mul(q, sub(load(ds + c), delta)));
    }
  }

  // A span's probabilities and ds as words, margins included: both as pairs of rows, each in the place of the first,
  // and ds as rows. Rows that are only computed to fill a tile are zero.
  void round_rows(const TileSpan& s) const {
#ifdef ETTIN_HAS_DOT_PAIRS
    if constexpr (per == 2) {
      const int64_t ldp = plan.score_stride, end = s.row + s.rows;
      const auto rounded = [&](const float* row, int64_t r) { return r < end ? round_to_bf16(load(row)) : zero(); };
      for (int64_t r = s.row; r < s.row + round_up(s.rows, tile_step); r += 2) {
        float *p = tiles.p + r * ldp, *ds = tiles.ds + r * ldp;
        bf16* rows = cells(tiles.ds_rows) + r * ldp * per;
        for (int64_t c = max<int64_t>(0, s.from - margin); c < s.to + margin; c += lanes) {
          const vf p0 = rounded(p + c, r), p1 = rounded(p + ldp + c, r + 1);
          const vf ds0 = rounded(ds + c, r), ds1 = rounded(ds + ldp + c, r + 1);
          store_words(reinterpret_cast<Word*>(p) + c, bits_to_float(pair_words(p0, p1)));
          store_words(reinterpret_cast<Word*>(ds) + c, bits_to_float(pair_words(ds0, ds1)));
          store(rows + c, ds0);
          store(rows + ldp * per + c, ds1);
        }
      }
    }
#else
    (void)s;
#endif
  }

  // dv += pᵀ·dy and dk += dsᵀ·q over the block's queries
  void key_products(const Band& band, Range chunk, Range rows, Ahead& ahead) const {
    const int64_t wide = round_up(a.dim, lanes), stride = plan.stride, ldp = plan.score_stride;
    for (int64_t j = chunk.begin; j < chunk.end; j += tile_rows) {
      const Range keys{j, min(j + tile_rows, chunk.end)};
      const Range i = overlap(queries_seeing(band, keys), rows);
      if (i.empty()) continue;
      const int64_t first = (i.begin - rows.begin) / per, depth = ceil_div(i.end - rows.begin, per) - first;
      const int64_t column = j - chunk.begin, lda = ldp * per;
      const auto* p = reinterpret_cast<const Word*>(tiles.p) + first * lda + column;
      const auto* ds = reinterpret_cast<const Word*>(tiles.ds) + first * lda + column;
      for (int64_t d = 0; d < wide; d += tile_columns) {
        tile_product<true, true>(keys.end - j, wide - d, depth, p, lda, tiles.dy_pairs + first * stride + d, stride,
                                 tiles.dv + column * stride + d, stride);
        tile_product<true, true>(keys.end - j, wide - d, depth, ds, lda, tiles.q_pairs + first * stride + d, stride,
                                 tiles.dk + column * stride + d, stride);
        ahead.step();
      }
    }
  }
};

}  // namespace ettin::ETTIN_LEVEL
