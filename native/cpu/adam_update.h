// The elementwise part that AdamW and StableAdamW share.
#pragma once

#include "simd.h"

namespace ettin::ETTIN_LEVEL {

struct AdamUpdate {
  float clip;               // the gradient is multiplied by this first
  float shrink;             // the parameter is multiplied by this: weight decay
  float new1, keep2, new2;  // m moves by new1 towards g; v = keep2 v + new2 g^2
  float root;               // the denominator is sqrt(v) / root + eps
  float eps;
  float rate;
};

inline void adam_update(float* p, float* m, float* v, const float* g, int64_t n, const AdamUpdate& u) {
  const vf clip = set(u.clip), shrink = set(u.shrink), new1 = set(u.new1), keep2 = set(u.keep2), new2 = set(u.new2);
  const vf root = set(u.root), eps = set(u.eps), rate = set(u.rate);
  const auto step = [&](vf& pi, vf& mi, vf& vi_, vf gi) {
    gi = mul(gi, clip);
    mi = fma(new1, sub(gi, mi), mi);
    vi_ = fma(mul(new2, gi), gi, mul(keep2, vi_));
    const vf denominator = add(div(sqrt(vi_), root), eps);
    pi = fnma(rate, div(mi, denominator), mul(shrink, pi));
  };
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    vf pi = load(p + i), mi = load(m + i), vi_ = load(v + i);
    step(pi, mi, vi_, load(g + i));
    store(p + i, pi);
    store(m + i, mi);
    store(v + i, vi_);
  }
  if (i < n) {
    vf pi = load_part(p + i, n - i), mi = load_part(m + i, n - i), vi_ = load_part(v + i, n - i);
    step(pi, mi, vi_, load_part(g + i, n - i));
    store_part(p + i, pi, n - i);
    store_part(m + i, mi, n - i);
    store_part(v + i, vi_, n - i);
  }
}

// What gradients are multiplied by so that their norm is at most max_norm; as in PyTorch, 1e-6 guards the
// division. No norm, or max_norm <= 0: no clipping. Negative where the norm is not finite: change nothing.
inline float clip_factor(const View& norm, double max_norm) {
  if (!present(norm)) return 1.0f;
  const float value = as<float>(norm)[0];
  if (!(__builtin_fabsf(value) < __builtin_inff())) return -1.0f;
  if (max_norm <= 0.0) return 1.0f;
  return min(1.0f, static_cast<float>(max_norm) / (value + 1e-6f));
}

}  // namespace ettin::ETTIN_LEVEL
