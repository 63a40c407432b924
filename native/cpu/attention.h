// What attention.cpp and self_attention.cpp share: one description of a call, made from either signature.
#pragma once

#include "packed_offsets.h"
#include "philox.h"

namespace ettin::ETTIN_LEVEL {

struct HeadRows {  // element d of head h of row t is data[t * row + h * head + d]
  void* data;
  int64_t row, head;
};

struct Attention {
  HeadRows q, k, v;
  DType dtype;
  const int32_t* query_offsets;  // [sequences + 1]
  const int32_t* key_offsets;
  int64_t sequences, heads, kv_heads, dim;
  int64_t queries;  // rows of q, for lse [heads, queries]
  double scale;
  int64_t left, right;  // how many keys before and after its own place a query sees; causal is right = 0
  const float* cos;     // [positions, dim / 2]; null: q and k are not rotated
  const float* sin;
  int64_t positions;
  double rate;  // of dropout on the probabilities
  PhiloxKey key;
  const int32_t* numbers;  // the sequences' numbers in the step; null: first_number on
  int64_t first_number, site;
};

constexpr int64_t unbounded = int64_t{1} << 40;

inline HeadRows head_rows(const View& x) { return {x.data, x.strides[0], x.strides[1]}; }
inline HeadRows head_rows(const View& x, int64_t dim, int64_t first) {  // heads inside rows of [T, heads * dim]
  const int64_t bytes = x.dtype == DType::bfloat16 ? 2 : 4;
  return {static_cast<char*>(x.data) + first * dim * bytes, last(x), dim};
}

inline void set_window(Attention& a, bool causal, int64_t left, int64_t right) {
  a.left = left < 0 ? unbounded : left;
  a.right = right < 0 ? unbounded : right;
  if (causal) a.right = 0;
}

inline void set_dropout(Attention& a, const View& sequences, int64_t first_sequence, double rate, int64_t seed,
                        int64_t step, int64_t site) {
  a.rate = rate;
  a.key = philox_key(seed, step);
  a.numbers = present(sequences) ? as<int32_t>(sequences) : nullptr;
  a.first_number = first_sequence;
  a.site = site;
}

// y [T, heads * dim] contiguous, lse [heads, T]
void attend(Context& context, const Attention& a, const View& y, const View& lse);
void attend_backward(Context& context, const Attention& a, const View& y, const View& lse, const View& dy, HeadRows dq,
                     HeadRows dk, HeadRows dv);

}  // namespace ettin::ETTIN_LEVEL
