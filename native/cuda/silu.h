// SiLU and its slope: y = x s, y' = s (1 + x (1 - s)), where s = sigmoid(x).
#pragma once

#include "level.h"

namespace ettin::ETTIN_LEVEL {

// 1 / (1 + e^-x): the exponential is never above 1.
__device__ __forceinline__ float sigmoid(float x) {
  const float e = expf(-fabsf(x));
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

struct Silu {
  static __device__ __forceinline__ float value(float x) { return x * sigmoid(x); }
  static __device__ __forceinline__ void value_and_slope(float x, float& y, float& slope) {
    const float s = sigmoid(x);
    y = x * s;
    slope = fmaf(y, 1.0f - s, s);
  }
};

}  // namespace ettin::ETTIN_LEVEL
