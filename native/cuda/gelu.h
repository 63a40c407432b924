// GELU (Hendrycks and Gimpel, 2016) and its slope: y = x Phi(x), y' = Phi(x) + x phi(x), where Phi is the normal
// distribution and phi its density.
#pragma once

#include "level.h"

namespace ettin::ETTIN_LEVEL {

// Phi and phi from one exponential and one quotient: kernels that use them move a few bytes per element, and with an
// error function and an exponential apart they would be bound by arithmetic. Absolute errors below 3e-7. Held at
// |x| = 13, where phi is 1e-38.
//   phi = 2^(-x^2 / 2 log2 e) / sqrt(2 pi) and Phi(-|x|) = phi P(|x|) / Q(|x|), with cpu/elementary.h's P and Q
struct Normal {
  float held, cdf, pdf;
};
__device__ __forceinline__ Normal normal(float x) {
  const float held = x < -13.0f ? -13.0f : x > 13.0f ? 13.0f : x, a = fabsf(held);  // a NaN passes
  const float pdf = 0.398942280f * exp2f(a * a * -0.721347520f);
  float top = -2.45122955e-4f, bottom = 0.0891157157f;
  top = fmaf(top, a, 0.0932216717f);
  bottom = fmaf(bottom, a, 0.524714431f);
  top = fmaf(top, a, 0.492877703f);
  bottom = fmaf(bottom, a, 1.19115048f);
  top = fmaf(top, a, 1.25331426f);
  bottom = fmaf(bottom, a, 1.0f);
  const float tail = __fdividef(pdf * top, bottom);  // bottom lies between 1 and 300: within 2 ulp
  return {held, held < 0.0f ? tail : 1.0f - tail, pdf};
}

struct Gelu {
  static __device__ __forceinline__ float value(float x) {
    const Normal at = normal(x);
    return (x < -13.0f ? at.held : x) * at.cdf;
  }
  static __device__ __forceinline__ void value_and_slope(float x, float& y, float& slope) {
    const Normal at = normal(x);
    y = (x < -13.0f ? at.held : x) * at.cdf;
    slope = fmaf(at.held, at.pdf, at.cdf);
  }
};

}  // namespace ettin::ETTIN_LEVEL
