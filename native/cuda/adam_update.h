// The elementwise part that AdamW and StableAdamW share.
#pragma once

#include "tensor_groups.h"

namespace ettin::ETTIN_LEVEL {

struct AdamUpdate {
  float shrink;             // the parameter is multiplied by this: weight decay
  float new1, keep2, new2;  // m moves by new1 towards g; v = keep2 v + new2 g^2
  float root;               // the denominator is sqrt(v) / root + eps
  float eps;
  float rate;
};

// What gradients are multiplied by so that their norm is at most max_norm; as in PyTorch, 1e-6 guards the division.
struct Clip {
  const float* norm;  // null: no clipping
  float max_norm;     // 0 or less: none either

  // Negative where the norm is not finite: change nothing.
  __device__ __forceinline__ float factor() const {
    if (!norm) return 1.0f;
    const float value = *norm;
    if (!(fabsf(value) < __builtin_inff())) return -1.0f;
    if (max_norm <= 0.0f) return 1.0f;
    return fminf(1.0f, max_norm / (value + 1e-6f));
  }
};
inline Clip clip_of(const View& norm, double max_norm) { return {as<float>(norm), static_cast<float>(max_norm)}; }

constexpr int adam_tensors = 64;
constexpr int adam_threads = 256;
constexpr int64_t adam_chunk = 16 * adam_threads;
using AdamGroup = TensorGroup<4, adam_tensors>;  // parameters, first and second moments, gradients

// v after the update.
__device__ __forceinline__ float second_moment(float v, float g, const AdamUpdate& u) {
  return fmaf(u.new2 * g, g, u.keep2 * v);
}

__device__ __forceinline__ void adam_update(float& p, float& m, float& v, float g, float clip, const AdamUpdate& u) {
  g = __fmul_rn(g, clip);  // rounded, as elsewhere: not part of the subtraction below
  m = fmaf(u.new1, g - m, m);
  v = second_moment(v, g, u);
  p = fmaf(-u.rate, m / (sqrtf(v) / u.root + u.eps), u.shrink * p);
}

// By all threads of the block that has `part`.
__device__ __forceinline__ void adam_update(const AdamGroup& group, const AdamGroup::Part& part, float clip,
                                            const AdamUpdate& u) {
  float* p = group.at<float>(0, part);
  float* m = group.at<float>(1, part);
  float* v = group.at<float>(2, part);
  const float* g = group.at<const float>(3, part);
  const int n = static_cast<int>(part.size), first = static_cast<int>(threadIdx.x);
  constexpr int P = Pack<float>::size;
  const auto low_bits = reinterpret_cast<uintptr_t>(p) | reinterpret_cast<uintptr_t>(m) |
                        reinterpret_cast<uintptr_t>(v) | reinterpret_cast<uintptr_t>(g);
  const int packs = low_bits % 16 == 0 ? n / P : 0;
  for (int i = first; i < packs; i += adam_threads) {
    Pack<float> pi = load_pack(p + i * P), mi = load_pack(m + i * P), vi = load_pack(v + i * P);
    const Pack<float> gi = load_pack(g + i * P);
#pragma unroll
    for (int k = 0; k < P; k++) adam_update(pi.item[k], mi.item[k], vi.item[k], gi.item[k], clip, u);
    store_pack(p + i * P, pi);
    store_pack(m + i * P, mi);
    store_pack(v + i * P, vi);
  }
  for (int i = packs * P + first; i < n; i += adam_threads) adam_update(p[i], m[i], v[i], g[i], clip, u);
}

// body(group, blocks) for the tensors of an optimizer's step.
template <class Body>
void each_adam_group(const InOuts& parameters, const InOuts& first, const InOuts& second, const Views& gradients,
                     const Body& body) {
  each_group<4, adam_tensors>(parameters.count, {parameters.items, first.items, second.items, gradients.items},
                              adam_chunk, body);
}

}  // namespace ettin::ETTIN_LEVEL
