// softplus: y = ln(1 + e^x) as max(x, 0) + ln(1 + e^-|x|), which never overflows; dx = dy sigmoid(x).
#include "elementary.h"
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void softplus_forward(Context& context, Out y, View x) {
  map_float(
      context, y, [](vf v) { return add(max(zero(), v), log1p_unit(exp_nonpositive(sub(zero(), abs(v))))); }, x);
}

void softplus_backward(Context& context, Out dx, View dy, View x) {
  map_float(
      context, dx, [](vf d, vf v) { return mul(d, sigmoid(v)); }, dy, x);
}

}  // namespace ettin::ETTIN_LEVEL
