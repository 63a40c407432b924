// GELU (Hendrycks and Gimpel, 2016) and its slope: y = x Phi(x), y' = Phi(x) + x phi(x), where Phi is the normal
// distribution and phi its density.
#pragma once

#include "elementary.h"

namespace ettin::ETTIN_LEVEL {

struct Gelu {
  static vf value(vf x) { return mul(x, normal_cdf(x)); }
  static void value_and_slope(vf x, vf& y, vf& slope) {
    const Normal at = normal(x);
    y = mul(x, at.cdf);
    slope = fma(at.held, at.pdf, at.cdf);
  }
};

}  // namespace ettin::ETTIN_LEVEL
