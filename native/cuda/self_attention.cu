// self_attention: attention straight from the projection's rows, rotary included.
//
//   qkv, dqkv [T,(Hq+2Hkv)D]: the heads of q, then of k, then of v   y, dy [T,Hq*D]   cos, sin [P,D/2] float32
//
// Queries and keys are rotated once, into scratch, because many blocks read each of them; their gradients are rotated
// back where they are written, in the projection's layout.
#include "turn_rows.h"

namespace ettin::ETTIN_LEVEL {

namespace {

Attention describe(Context& context, const View& qkv, const View& cos, const View& sin, const View& offsets,
                   int64_t heads, int64_t kv_heads, double scale, bool causal, int64_t left, int64_t right,
                   const View& sequences, int64_t first_sequence, double rate, int64_t seed, int64_t step,
                   int64_t site) {
  Attention a{};
  const int64_t dim = qkv.shape[1] / (heads + 2 * kv_heads);
  a.dim = static_cast<int>(dim);
  a.q = head_rows(qkv, dim, 0);
  a.k = head_rows(qkv, dim, heads);
  a.v = head_rows(qkv, dim, heads + kv_heads);
  a.dtype = qkv.dtype;
  a.query_offsets = a.key_offsets = as<int32_t>(offsets);
  a.sequences = static_cast<int>(offsets.shape[0] - 1);
  a.heads = static_cast<int>(heads);
  a.kv_heads = static_cast<int>(kv_heads);
  a.queries = a.keys = static_cast<int>(qkv.shape[0]);
  set_mask(a, scale, causal, left, right);
  set_dropout(a, sequences, first_sequence, rate, seed, step, site);
  a.query_faults = a.key_faults = ETTIN_OFFSET_FAULTS(context, "offsets");
  if (!present(cos)) return a;

  a.cos = as<float>(cos);
  a.sin = as<float>(sin);
  a.positions = static_cast<int>(cos.shape[0]);
  Turn turn{};
  turn.x = a.q;
  turn.y = scratch_rows(context, a.dtype, a.queries, heads + kv_heads, dim);
  turn.rows = a.queries;
  turn.heads = a.heads + a.kv_heads;
  turn.dim = a.dim;
  turn.factor = 1.0f;
  turn.cos = a.cos;
  turn.sin = a.sin;
  turn.positions = a.positions;
  turn.offsets = a.query_offsets;
  turn.sequences = a.sequences;
  turn.offset_faults = a.query_faults;
  turn.position_fault = position_fault(context);
  turn_rows(context, a.dtype, turn);
  a.q = a.k = turn.y;
  a.k.data = static_cast<char*>(a.k.data) + heads * dim * (a.dtype == DType::bfloat16 ? 2 : 4);
  return a;
}

}  // namespace

void self_attention_forward(Context& context, Out y, Out lse, View qkv, Optional cos, Optional sin, View offsets,
                            int64_t heads, int64_t kv_heads, double scale, bool causal, int64_t left, int64_t right,
                            Optional sequences, int64_t first_sequence, double rate, int64_t seed, int64_t step,
                            int64_t site) {
  attend(context,
         describe(context, qkv, cos, sin, offsets, heads, kv_heads, scale, causal, left, right, sequences,
                  first_sequence, rate, seed, step, site),
         y, lse);
}

void self_attention_backward(Context& context, Out dqkv, View dy, View qkv, View y, View lse, Optional cos,
                             Optional sin, View offsets, int64_t heads, int64_t kv_heads, double scale, bool causal,
                             int64_t left, int64_t right, Optional sequences, int64_t first_sequence, double rate,
                             int64_t seed, int64_t step, int64_t site) {
  const Attention a = describe(context, qkv, cos, sin, offsets, heads, kv_heads, scale, causal, left, right, sequences,
                               first_sequence, rate, seed, step, site);
  attend_backward(context, a, y, lse, dy, head_rows(dqkv, a.dim, 0), head_rows(dqkv, a.dim, heads),
                  head_rows(dqkv, a.dim, heads + kv_heads));
}

}  // namespace ettin::ETTIN_LEVEL
