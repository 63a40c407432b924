// GELU (Hendrycks and Gimpel, 2016) and its slope: y = x Phi(x), y' = Phi(x) + x phi(x), where Phi is the normal
// distribution and phi its density. Both at -infinity are NaN, as in the formula.
#pragma once

#include "elementary.h"

namespace ettin::ETTIN_LEVEL {

struct Gelu {
  static vf value(vf x) { return mul(x, normal_cdf(x)); }
  static void value_and_slope(vf x, vf& y, vf& slope) {
    const vf cdf = normal_cdf(x);
    y = mul(x, cdf);
    slope = fma(x, normal_pdf(x), cdf);
  }
};

}  // namespace ettin::ETTIN_LEVEL
