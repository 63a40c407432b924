// What layer_norm, rms_norm share: weights as float32, and the gradients of weights, which are sums over all
// rows: rows are taken 128 at a time into float32 partial sums, which are then added in order (column_sum.h).
#pragma once

#include "column_sum.h"

namespace ettin::ETTIN_LEVEL {

constexpr int64_t norm_piece = 128;

// The weight [C] as float32: itself, a widened copy, or `absent` everywhere.
inline const float* norm_weight(Context& context, const Optional& weight, int64_t C, float absent) {
  if (present(weight) && weight.dtype == DType::float32) return as<float>(weight);
  float* copy = static_cast<float*>(scratch(context, C * 4));
  for (int64_t c = 0; c < C; c += lanes) {
    store(copy + c, present(weight) ? load(as<bf16>(weight) + c, C - c) : set(absent), C - c);
  }
  return copy;
}

// body<R>(t) for rows [begin, end): two at a time, the last alone.
template <class Body>
inline void each_rows(int64_t begin, int64_t end, const Body& body) {
  int64_t t = begin;
  for (; t + 2 <= end; t += 2) body.template operator()<2>(t);
  if (t < end) body.template operator()<1>(t);
}

// Row r as float32: itself, or a place in `room` that widen() fills on the first pass over the row.
inline const float* widened(const float* x, float*, int, int64_t) { return x; }
inline const float* widened(const bf16*, float* room, int r, int64_t C) { return room + r * round_up(C, 16); }

inline vf widen(const float* s, const float*, int64_t c, int64_t m) { return load(s + c, m); }
inline vf widen(const float* s, const bf16* x, int64_t c, int64_t m) {
  const vf v = load(x + c, m);
  store(const_cast<float*>(s) + c, v);
  return v;
}

// s = x + residual, rounded as a tensor of its own would be.
template <class T>
inline void add_residual(T* s, const T* x, const T* residual, int64_t C) {
  store_row(false, s, C, [&](int64_t c, int64_t m) { return add(load(x + c, m), load(residual + c, m)); });
}

// 1 / sqrt(variance + eps).
inline float reciprocal_std(float variance, double eps) {
  return 1.0f / __builtin_sqrtf(variance + static_cast<float>(eps));
}

}  // namespace ettin::ETTIN_LEVEL
