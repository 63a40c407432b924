// self_attention: attention straight from the projection's rows, rotary included.
//
//   qkv, dqkv [T,(Hq+2Hkv)D]: the heads of q, then of k, then of v   y, dy [T,Hq*D]   cos, sin [P,D/2] float32
//
// Queries and keys are rotated while their tiles are loaded, and their gradients rotated back when they are
// written: there is no pass of its own. In bfloat16 the rotated rows are never rounded.
#include "attention.h"

namespace ettin::ETTIN_LEVEL {

namespace {

Attention describe(const View& qkv, const View& cos, const View& sin, const View& offsets, int64_t heads,
                   int64_t kv_heads, double scale, bool causal, int64_t left, int64_t right, const View& sequences,
                   int64_t first_sequence, double rate, int64_t seed, int64_t step, int64_t site) {
  Attention a{};
  a.dim = qkv.shape[1] / (heads + 2 * kv_heads);
  a.q = head_rows(qkv, a.dim, 0);
  a.k = head_rows(qkv, a.dim, heads);
  a.v = head_rows(qkv, a.dim, heads + kv_heads);
  a.dtype = qkv.dtype;
  a.query_offsets = a.key_offsets = as<int32_t>(offsets);
  a.sequences = offsets.shape[0] - 1;
  a.heads = heads;
  a.kv_heads = kv_heads;
  a.queries = qkv.shape[0];
  a.scale = scale;
  set_window(a, causal, left, right);
  set_dropout(a, sequences, first_sequence, rate, seed, step, site);
  check_offsets("offsets", a.query_offsets, a.sequences, a.queries);
  if (present(cos)) {
    a.cos = as<float>(cos);
    a.sin = as<float>(sin);
    check_positions(a.query_offsets, a.sequences, nullptr, cos.shape[0]);
  }
  return a;
}

}  // namespace

void self_attention_forward(Context& context, Out y, Out lse, View qkv, Optional cos, Optional sin, View offsets,
                            int64_t heads, int64_t kv_heads, double scale, bool causal, int64_t left, int64_t right,
                            Optional sequences, int64_t first_sequence, double rate, int64_t seed, int64_t step,
                            int64_t site) {
  attend(context,
         describe(qkv, cos, sin, offsets, heads, kv_heads, scale, causal, left, right, sequences, first_sequence, rate,
                  seed, step, site),
         y, lse);
}

void self_attention_backward(Context& context, Out dqkv, View dy, View qkv, View y, View lse, Optional cos,
                             Optional sin, View offsets, int64_t heads, int64_t kv_heads, double scale, bool causal,
                             int64_t left, int64_t right, Optional sequences, int64_t first_sequence, double rate,
                             int64_t seed, int64_t step, int64_t site) {
  const Attention a = describe(qkv, cos, sin, offsets, heads, kv_heads, scale, causal, left, right, sequences,
                               first_sequence, rate, seed, step, site);
  attend_backward(context, a, y, lse, dy, head_rows(dqkv, a.dim, 0), head_rows(dqkv, a.dim, heads),
                  head_rows(dqkv, a.dim, heads + kv_heads));
}

}  // namespace ettin::ETTIN_LEVEL
