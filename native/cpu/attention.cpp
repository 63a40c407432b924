// attention: every query of a sequence takes a weighted mean of the values of the keys that it sees.
//
//   s[i,j] = scale * q[i]·k[j]     p[i,j] = exp(s[i,j] - lse[i])     lse[i] = log sum_j exp(s[i,j])
//   y[i]   = sum_j p[i,j] * v[j]
//
//   q, y, dy, dq [Tq,Hq,D]   k, v, dk, dv [Tk,Hkv,D]   lse [Hq,Tq] float32   offsets [B+1] int32
//
// Query head h reads key head h / (Hq / Hkv). With nq queries and nk keys, query i stands at place
// p = i + nk - nq and sees the keys p - left … p + right of its own sequence. One that sees no key gives
// zeros, an lse of -infinity and no gradient. Dropout zeroes probabilities and divides the others by 1 - rate.
// Scores are kept in units of ln 2, so that exponentials are powers of two.
#include "attention.h"

#include "attention_backward.h"
#include "attention_forward.h"

namespace ettin::ETTIN_LEVEL {

namespace {

// The sequences, longest first: the last task to end is then a short one.
void order_by_length(const Attention& a, int32_t* order) {
  const auto length = [&](int32_t b) {
    return max(a.query_offsets[b + 1] - a.query_offsets[b], a.key_offsets[b + 1] - a.key_offsets[b]);
  };
  for (int64_t b = 0; b < a.sequences; b++) order[b] = static_cast<int32_t>(b);
  int64_t gap = 1;
  while (gap < a.sequences) gap = 3 * gap + 1;
  for (; gap > 0; gap /= 3) {  // Shell's sort
    for (int64_t i = gap; i < a.sequences; i++) {
      const int32_t moving = order[i];
      int64_t j = i;
      for (; j >= gap && length(order[j - gap]) < length(moving); j -= gap) order[j] = order[j - gap];
      order[j] = moving;
    }
  }
}

struct Item {
  int64_t sequence;
  Range queries, keys;
};

// Key heads that a task takes one after the other: a few, where there are tasks enough, because the rows of the
// next head can be fetched while one is at work.
int64_t heads_of_task(const Attention& a, int64_t items) {
  int64_t heads = max<int64_t>(1, min(a.kv_heads, items * a.kv_heads / 64));
  while (a.kv_heads % heads != 0) heads--;
  return heads;
}

}  // namespace

void attend(Context& context, const Attention& a, const View& y, const View& lse) {
  const ForwardPlan plan(a);
  auto* order = static_cast<int32_t*>(scratch(context, (a.sequences + 1) * 4));
  order_by_length(a, order);
  int64_t count = 0;
  for (int64_t b = 0; b < a.sequences; b++) {
    count += ceil_div(a.query_offsets[b + 1] - a.query_offsets[b], plan.rows);
  }
  auto* items = static_cast<Item*>(scratch(context, (count + 1) * static_cast<int64_t>(sizeof(Item))));
  int64_t at = 0;
  for (int64_t i = 0; i < a.sequences; i++) {
    const int64_t b = order[i], n = a.query_offsets[b + 1] - a.query_offsets[b];
    for (int64_t row = 0; row < n; row += plan.rows) items[at++] = {b, {row, min(n, row + plan.rows)}, {0, 0}};
  }
  const int64_t floats = ForwardTiles<float>(plan, nullptr).floats;
  auto* memory = static_cast<float*>(scratch(context, workers(context) * floats * 4));
  const int64_t heads = heads_of_task(a, count), groups = a.kv_heads / heads;
  by_float(a.dtype, [&]<class Real>() {
    parallel_for(context, count * groups, [&](int64_t task, int worker) {
      const ForwardTiles<WordOf<Real>> tiles(plan, memory + worker * floats);
      const Item& item = items[task / groups];
      const int64_t first = task % groups * heads;
      for (int64_t head = first; head < first + heads; head++) {
        forward_task<Real>(a, plan, tiles, item.sequence, item.queries, head, head + 1 < first + heads, y, lse);
      }
    });
  });
}

void attend_backward(Context& context, const Attention& a, const View& y, const View& lse, const View& dy, HeadRows dq,
                     HeadRows dk, HeadRows dv) {
  const bool bounded = a.left + a.right < backward_range / 2;
  auto* order = static_cast<int32_t*>(scratch(context, (a.sequences + 1) * 4));
  order_by_length(a, order);
  const auto pieces = [&](const Band& band) {
    return bounded && band.shift == 0 ? max<int64_t>(1, ceil_div(band.keys, backward_range)) : 1;
  };
  int64_t count = 0;
  for (int64_t b = 0; b < a.sequences; b++) count += pieces(band_of(a, b));
  auto* items = static_cast<Item*>(scratch(context, (count + 1) * static_cast<int64_t>(sizeof(Item))));
  BackwardPlan plan{0, a.heads / a.kv_heads, tile_stride(a.dim), tile_stride(backward_keys + 2 * margin)};
  int64_t at = 0;
  for (int64_t i = 0; i < a.sequences; i++) {
    const Band band = band_of(a, order[i]);
    const int64_t n = pieces(band);
    for (int64_t piece = 0; piece < n; piece++) {
      const Range range{piece * backward_range, min(band.keys, (piece + 1) * backward_range)};
      Item& item = items[at++];
      item = n == 1 ? Item{order[i], {0, band.queries}, {0, band.keys}} : Item{order[i], range, range};
      plan.rows = max(plan.rows, item.queries.end - item.queries.begin);
    }
  }
  const int64_t heads = heads_of_task(a, count), groups = a.kv_heads / heads;
  by_float(a.dtype, [&]<class Real>() {
    const int64_t floats = BackwardTiles<WordOf<Real>>(plan, nullptr).floats;
    auto* memory = static_cast<float*>(scratch(context, workers(context) * floats * 4));
    parallel_for(context, count * groups, [&](int64_t task, int worker) {
      const BackwardTiles<WordOf<Real>> tiles(plan, memory + worker * floats);
      const Backward<Real> backward{
          a, plan, tiles, as<Real>(y), as<Real>(dy), as<float>(lse), dq, dk, dv, score_scale<WordOf<Real>>(a)};
      const Item& item = items[task / groups];
      const int64_t first = task % groups * heads;
      for (int64_t head = first; head < first + heads; head++) {
        backward.run({item.sequence, head, item.keys, item.queries, head + 1 < first + heads});
      }
    });
  });
}

namespace {

Attention describe(const View& q, const View& k, const View& v, const View& query_offsets, const View& key_offsets,
                   double scale, bool causal, int64_t left, int64_t right, const View& sequences,
                   int64_t first_sequence, double rate, int64_t seed, int64_t step, int64_t site) {
  Attention a{};
  a.q = head_rows(q);
  a.k = head_rows(k);
  a.v = head_rows(v);
  a.dtype = q.dtype;
  a.query_offsets = as<int32_t>(query_offsets);
  a.key_offsets = as<int32_t>(key_offsets);
  a.sequences = query_offsets.shape[0] - 1;
  a.heads = q.shape[1];
  a.kv_heads = k.shape[1];
  a.dim = q.shape[2];
  a.queries = q.shape[0];
  a.scale = scale;
  set_window(a, causal, left, right);
  set_dropout(a, sequences, first_sequence, rate, seed, step, site);
  check_offsets("query offsets", a.query_offsets, a.sequences, q.shape[0]);
  check_offsets("key offsets", a.key_offsets, a.sequences, k.shape[0]);
  return a;
}

}  // namespace

void attention_forward(Context& context, Out y, Out lse, View q, View k, View v, View query_offsets, View key_offsets,
                       double scale, bool causal, int64_t left, int64_t right, Optional sequences,
                       int64_t first_sequence, double rate, int64_t seed, int64_t step, int64_t site) {
  attend(context,
         describe(q, k, v, query_offsets, key_offsets, scale, causal, left, right, sequences, first_sequence, rate,
                  seed, step, site),
         y, lse);
}

void attention_backward(Context& context, Out dq, Out dk, Out dv, View dy, View q, View k, View v, View y, View lse,
                        View query_offsets, View key_offsets, double scale, bool causal, int64_t left, int64_t right,
                        Optional sequences, int64_t first_sequence, double rate, int64_t seed, int64_t step,
                        int64_t site) {
  attend_backward(context,
                  describe(q, k, v, query_offsets, key_offsets, scale, causal, left, right, sequences, first_sequence,
                           rate, seed, step, site),
                  y, lse, dy, head_rows(dq), head_rows(dk), head_rows(dv));
}

}  // namespace ettin::ETTIN_LEVEL
