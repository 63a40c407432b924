// self_attention: attention straight from the projection's rows, rotary included.
//
//   qkv, dqkv [T,(Hq+2Hkv)D]: the heads of q, then of k, then of v   y, dy [T,Hq*D]   cos, sin [P,D/2] float32
//
// Forward, queries are rotated in shared memory, and keys before, once, into scratch, because many blocks read each of
// them; backward many blocks read queries too. Gradients are rotated back where they are written, in the projection's
// layout.
#include "gemm.h"
#include "turn_rows.h"

namespace ettin::ETTIN_LEVEL {

namespace {

// The kernels read four angles at a time.
const float* table(Context& context, const View& angles) {
  if (reinterpret_cast<uintptr_t>(angles.data) % 16 == 0) return as<float>(angles);
  void* copy = scratch(context, size_of(angles) * 4);
  cast(context, copy, DType::float32, angles.data, DType::float32, size_of(angles));
  return static_cast<const float*>(copy);
}

Attention describe(Context& context, bool forward, const View& qkv, const View& cos, const View& sin,
                   const View& offsets, int64_t heads, int64_t kv_heads, double scale, bool causal, int64_t left,
                   int64_t right, const View& sequences, int64_t first_sequence, double rate, int64_t seed,
                   int64_t step, int64_t site) {
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

  a.cos = table(context, cos);
  a.sin = table(context, sin);
  a.positions = static_cast<int>(cos.shape[0]);
  a.turns_queries = forward;
  const int64_t queries_turned = forward ? 0 : heads;
  Turn turn{};
  turn.x = forward ? a.k : a.q;
  turn.y = scratch_rows(context, a.dtype, a.queries, queries_turned + kv_heads, dim);
  turn.rows = a.queries;
  turn.heads = static_cast<int>(queries_turned + kv_heads);
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
  if (a.positions == 0) {  // a fault, if there are tokens
    a.cos = nullptr;
    a.turns_queries = false;
  }
  if (!forward) a.q = turn.y;
  a.k = turn.y;
  a.k.data = static_cast<char*>(a.k.data) + queries_turned * dim * (a.dtype == DType::bfloat16 ? 2 : 4);
  return a;
}

}  // namespace

void self_attention_forward(Context& context, Out y, Out lse, View qkv, Optional cos, Optional sin, View offsets,
                            int64_t heads, int64_t kv_heads, double scale, bool causal, int64_t left, int64_t right,
                            Optional sequences, int64_t first_sequence, double rate, int64_t seed, int64_t step,
                            int64_t site) {
  attend(context,
         describe(context, true, qkv, cos, sin, offsets, heads, kv_heads, scale, causal, left, right, sequences,
                  first_sequence, rate, seed, step, site),
         y, lse);
}

void self_attention_backward(Context& context, Out dqkv, View dy, View qkv, View y, View lse, Optional cos,
                             Optional sin, View offsets, int64_t heads, int64_t kv_heads, double scale, bool causal,
                             int64_t left, int64_t right, Optional sequences, int64_t first_sequence, double rate,
                             int64_t seed, int64_t step, int64_t site) {
  const Attention a = describe(context, false, qkv, cos, sin, offsets, heads, kv_heads, scale, causal, left, right,
                               sequences, first_sequence, rate, seed, step, site);
  attend_backward(context, a, y, lse, dy, head_rows(dqkv, a.dim, 0), head_rows(dqkv, a.dim, heads),
                  head_rows(dqkv, a.dim, heads + kv_heads));
}

}  // namespace ettin::ETTIN_LEVEL
