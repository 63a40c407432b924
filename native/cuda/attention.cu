// attention: every query of a sequence takes a weighted mean of the values of the keys that it sees.
//
//   s[i,j] = scale * q[i]·k[j]     p[i,j] = exp(s[i,j] - lse[i])     lse[i] = log sum_j exp(s[i,j])
//   y[i]   = sum_j p[i,j] * v[j]
//
//   q, y, dy, dq [Tq,Hq,D]   k, v, dk, dv [Tk,Hkv,D]   lse [Hq,Tq] float32   offsets [B+1] int32
//
// Query head h reads key head h / (Hq / Hkv). With nq queries and nk keys, query i stands at place
// p = i + nk - nq and sees the keys p - left … p + right of its own sequence. One that sees no key gives
// zeros, an lse of -infinity and no gradient; so do rows behind the last offset. Dropout zeroes probabilities and
// divides the others by 1 - rate. Scores are kept in units of ln 2, so that exponentials are powers of two.
#include "turn_rows.h"

namespace ettin::ETTIN_LEVEL {

void make_readable(Context& context, DType dtype, HeadRows& x, int rows, int heads, int dim, float factor) {
  if (factor == 1.0f && aligned(x, dtype)) return;
  Turn turn{};
  turn.x = x;
  turn.y = x = scratch_rows(context, dtype, rows, heads, dim);
  turn.rows = rows;
  turn.heads = heads;
  turn.dim = dim;
  turn.factor = factor;
  turn_rows(context, dtype, turn);
}

void make_readable(Context& context, Attention& a) {
  make_readable(context, a.dtype, a.q, a.queries, a.heads, a.dim, a.scale < 0.0 ? -1.0f : 1.0f);
  make_readable(context, a.dtype, a.k, a.keys, a.kv_heads, a.dim, 1.0f);
  make_readable(context, a.dtype, a.v, a.keys, a.kv_heads, a.dim, 1.0f);
}

namespace {

Attention describe(Context& context, const View& q, const View& k, const View& v, const View& query_offsets,
                   const View& key_offsets, double scale, bool causal, int64_t left, int64_t right,
                   const View& sequences, int64_t first_sequence, double rate, int64_t seed, int64_t step,
                   int64_t site) {
  Attention a{};
  a.q = head_rows(q);
  a.k = head_rows(k);
  a.v = head_rows(v);
  a.dtype = q.dtype;
  a.query_offsets = as<int32_t>(query_offsets);
  a.key_offsets = as<int32_t>(key_offsets);
  a.sequences = static_cast<int>(query_offsets.shape[0] - 1);
  a.heads = static_cast<int>(q.shape[1]);
  a.kv_heads = static_cast<int>(k.shape[1]);
  a.dim = static_cast<int>(q.shape[2]);
  a.queries = static_cast<int>(q.shape[0]);
  a.keys = static_cast<int>(k.shape[0]);
  set_mask(a, scale, causal, left, right);
  set_dropout(a, sequences, first_sequence, rate, seed, step, site);
  a.query_faults = ETTIN_OFFSET_FAULTS(context, "query offsets");
  a.key_faults = ETTIN_OFFSET_FAULTS(context, "key offsets");
  return a;
}

}  // namespace

void attention_forward(Context& context, Out y, Out lse, View q, View k, View v, View query_offsets, View key_offsets,
                       double scale, bool causal, int64_t left, int64_t right, Optional sequences,
                       int64_t first_sequence, double rate, int64_t seed, int64_t step, int64_t site) {
  attend(context,
         describe(context, q, k, v, query_offsets, key_offsets, scale, causal, left, right, sequences, first_sequence,
                  rate, seed, step, site),
         y, lse);
}

void attention_backward(Context& context, Out dq, Out dk, Out dv, View dy, View q, View k, View v, View y, View lse,
                        View query_offsets, View key_offsets, double scale, bool causal, int64_t left, int64_t right,
                        Optional sequences, int64_t first_sequence, double rate, int64_t seed, int64_t step,
                        int64_t site) {
  attend_backward(context,
                  describe(context, q, k, v, query_offsets, key_offsets, scale, causal, left, right, sequences,
                           first_sequence, rate, seed, step, site),
                  y, lse, dy, head_rows(dq), head_rows(dk), head_rows(dv));
}

}  // namespace ettin::ETTIN_LEVEL
