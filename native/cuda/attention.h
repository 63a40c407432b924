// What attention.cu and self_attention.cu share: one description of a call, made from either signature, and passed to
// the kernels by value.
#pragma once

#include "packed_offsets.h"
#include "philox.h"

namespace ettin::ETTIN_LEVEL {

constexpr float log2_e = 1.44269504088896341f;
constexpr float ln_2 = 0.693147180559945309f;

struct HeadRows {  // element d of head h of row t is data[t * row + h * head + d]
  void* data;
  int64_t row, head;
};

// Element 0 of a head of a row.
template <class Real>
__device__ __forceinline__ Real* head_at(const HeadRows& x, int64_t t, int64_t head) {
  return static_cast<Real*>(x.data) + t * x.row + head * x.head;
}

struct AttentionDropout {
  uint32_t threshold;
  float keep;  // what stays is multiplied by it
  PhiloxKey key;
  const int32_t* numbers;  // the sequences' numbers in the step; null: first_number on
  int64_t first_number, site;
};

struct Attention {
  HeadRows q, k, v;    // k is rotated
  bool turns_queries;  // the kernel rotates q; else it is as it is multiplied
  DType dtype;
  const int32_t* query_offsets;  // [sequences + 1]
  const int32_t* key_offsets;
  int sequences, heads, kv_heads, dim;
  int queries, keys;  // rows
  double scale;
  float magnitude, base;  // of the scale, and that in units of ln 2: where it is negative, q is negated
  int left, right;        // how many keys before and after its own place a query sees; causal is right = 0
  const float* cos;       // [positions, dim / 2]: gradients of q and k are rotated back; null: they are not
  const float* sin;
  int positions;
  bool drops;  // dropout on the probabilities
  AttentionDropout dropout;
  OffsetFaults query_faults, key_faults;
};

constexpr int unbounded = 1 << 30;

inline HeadRows head_rows(const View& x) { return {x.data, x.strides[0], x.strides[1]}; }
inline HeadRows head_rows(const View& x, int64_t dim, int64_t first) {  // heads inside rows of [T, heads * dim]
  const int64_t bytes = x.dtype == DType::bfloat16 ? 2 : 4;
  return {static_cast<char*>(x.data) + first * dim * bytes, last(x), dim};
}

inline void set_mask(Attention& a, double scale, bool causal, int64_t left, int64_t right) {
  a.scale = scale;
  a.magnitude = static_cast<float>(scale < 0 ? -scale : scale);
  a.base = max(static_cast<float>((scale < 0 ? -scale : scale) * double{log2_e}), 1e-30f);  // -infinity stays so
  a.left = left < 0 || left > unbounded ? unbounded : static_cast<int>(left);
  a.right = right < 0 || right > unbounded ? unbounded : static_cast<int>(right);
  if (causal) a.right = 0;
}

inline void set_dropout(Attention& a, const View& sequences, int64_t first_sequence, double rate, int64_t seed,
                        int64_t step, int64_t site) {
  a.drops = rate > 0.0;
  a.dropout = {dropout_threshold(rate), a.drops ? keep_scale(rate) : 1.0f,
               philox_key(seed, step),  present(sequences) ? as<int32_t>(sequences) : nullptr,
               first_sequence,          site};
}

// Copies rows to scratch where they cannot be read 16 bytes at a time, or take a factor.
void make_readable(Context& context, DType dtype, HeadRows& x, int rows, int heads, int dim, float factor);
// All that is multiplied; a negative scale becomes that of negated queries.
void make_readable(Context& context, Attention& a);

// y [T, heads * dim] contiguous, lse [heads, T]
void attend(Context& context, Attention a, const View& y, const View& lse);
void attend_backward(Context& context, Attention a, const View& y, const View& lse, const View& dy, HeadRows dq,
                     HeadRows dk, HeadRows dv);

}  // namespace ettin::ETTIN_LEVEL
