// exp: y = e^x; dx = dy y.
#include "elementary.h"
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void exp_forward(Context& context, Out y, View x) {
  map_float(
      context, y, [](vf v) { return exp(v); }, x);
}

void exp_backward(Context& context, Out dx, View dy, View y) {
  map_float(
      context, dx, [](vf d, vf v) { return mul(d, v); }, dy, y);
}

}  // namespace ettin::ETTIN_LEVEL
