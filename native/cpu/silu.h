// SiLU and its slope: y = x s, y' = s (1 + x (1 - s)), where s = sigmoid(x).
#pragma once

#include "elementary.h"

namespace ettin::ETTIN_LEVEL {

struct Silu {
  static vf value(vf x) { return mul(x, sigmoid(x)); }
  static void value_and_slope(vf x, vf& y, vf& slope) {
    const vf s = sigmoid(x);
    y = mul(x, s);
    slope = fma(y, sub(set(1.0f), s), s);
  }
};

}  // namespace ettin::ETTIN_LEVEL
