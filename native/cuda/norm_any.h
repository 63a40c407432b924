// What layer_norm and rms_norm share: arguments, the formulas of an element, and kernels for rows of any length and
// alignment, which read a row from memory for each pass over it.
#pragma once

#include "column_sum.h"

namespace ettin::ETTIN_LEVEL {

// A weight or bias [C] as float32; `absent` everywhere where there is none.
struct Channels {
  const void* data;
  bool half;
  float absent;

  template <int N>
  __device__ __forceinline__ void read(float (&w)[N], int64_t c) const {
    if (!data) {
#pragma unroll
      for (int i = 0; i < N; i++) w[i] = absent;
    } else if (half) {
      read_values(w, static_cast<const bf16*>(data) + c);
    } else {
      read_values(w, static_cast<const float*>(data) + c);
    }
  }
};
inline Channels channels(const View& weight, float absent) {
  return {weight.data, weight.dtype == DType::bfloat16, absent};
}

template <class X>
struct NormForward {
  X *y, *sum;
  float *mean, *rstd;  // mean: null where rows are not centered
  const X *x, *residual;
  Channels weight, bias;
  int64_t T;
  int C;
  float eps;
};

template <class X>
struct NormBackward {
  X* dx;
  const X *dy, *dsum, *s;
  const float *mean, *rstd;
  Channels weight;
  int64_t T;
  int C;
  float *dw, *db;  // [blocks, C]: the sums of each block's rows, where they are wanted
};

__device__ __forceinline__ float reciprocal_std(float variance, float eps) { return 1.0f / sqrtf(variance + eps); }

// d: the element, less the mean.
template <bool centered>
__device__ __forceinline__ float norm_output(float d, float rstd, float w, float b) {
  return centered ? fmaf(d * rstd, w, b) : d * rstd * w;
}
// level and along: the means of g and of g n.
template <bool centered>
__device__ __forceinline__ float norm_gradient(float g, float n, float rstd, float level, float along) {
  return centered ? fmaf(g, rstd, -(fmaf(n, rstd * along, rstd * level))) : fmaf(-n, along, g) * rstd;
}

// A block to a row.
template <class X, bool centered>
__global__ void norm_forward_any(NormForward<X> a) {
  const int64_t t = blockIdx.x;
  const auto first = static_cast<int>(threadIdx.x), step = static_cast<int>(blockDim.x);
  const X* s = a.x + t * a.C;
  if (a.residual) {
    X* sum = a.sum + t * a.C;
    for (int c = first; c < a.C; c += step) store(sum + c, to_float(s[c]) + to_float(a.residual[t * a.C + c]));
    s = sum;  // each thread reads only what it wrote
  }
  float total = 0.0f, mean = 0.0f;
  if constexpr (centered) {
    for (int c = first; c < a.C; c += step) total += to_float(s[c]);
    mean = block_sum(total) / static_cast<float>(a.C);
    total = 0.0f;
  }
  for (int c = first; c < a.C; c += step) {
    const float d = centered ? to_float(s[c]) - mean : to_float(s[c]);
    total = fmaf(d, d, total);
  }
  const float rstd = reciprocal_std(block_sum(total) / static_cast<float>(a.C), a.eps);
  if (first == 0) {
    if constexpr (centered) a.mean[t] = mean;
    a.rstd[t] = rstd;
  }
  for (int c = first; c < a.C; c += step) {
    float w[1], b[1];
    a.weight.read(w, c);
    a.bias.read(b, c);
    const float d = centered ? to_float(s[c]) - mean : to_float(s[c]);
    store(a.y + t * a.C + c, norm_output<centered>(d, rstd, w[0], b[0]));
  }
}

template <class X, bool centered>
__global__ void norm_backward_any(NormBackward<X> a) {
  const int64_t t = blockIdx.x;
  const auto first = static_cast<int>(threadIdx.x), step = static_cast<int>(blockDim.x);
  const X *dy = a.dy + t * a.C, *s = a.s + t * a.C;
  const float mean = centered ? a.mean[t] : 0.0f, rstd = a.rstd[t];
  const auto normal = [&](int c) { return centered ? (to_float(s[c]) - mean) * rstd : to_float(s[c]) * rstd; };
  float level = 0.0f, along = 0.0f;
  for (int c = first; c < a.C; c += step) {
    float w[1];
    a.weight.read(w, c);
    const float g = to_float(dy[c]) * w[0];
    level += g;
    along = fmaf(g, normal(c), along);
  }
  if constexpr (centered) level = block_sum(level) / static_cast<float>(a.C);
  along = block_sum(along) / static_cast<float>(a.C);
  for (int c = first; c < a.C; c += step) {
    float w[1];
    a.weight.read(w, c);
    float d = norm_gradient<centered>(to_float(dy[c]) * w[0], normal(c), rstd, level, along);
    if (a.dsum) d += to_float(a.dsum[t * a.C + c]);
    store(a.dx + t * a.C + c, d);
  }
}

// What dweight sums over rows: dy n.
template <class X, bool centered>
struct NormProduct {
  const X *dy, *s;
  const float *mean, *rstd;
  int64_t C;

  template <int N>
  __device__ __forceinline__ void read(float (&v)[N], int64_t t, int64_t c) const {
    float n[N];
    read_values(v, dy + t * C + c);
    read_values(n, s + t * C + c);
#pragma unroll
    for (int i = 0; i < N; i++) v[i] *= (centered ? n[i] - mean[t] : n[i]) * rstd[t];
  }
};

}  // namespace ettin::ETTIN_LEVEL
