// sigmoid: y = 1 / (1 + e^-x); dx = dy y (1 - y).
#include "elementary.h"
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void sigmoid_forward(Context& context, Out y, View x) {
  map_float(
      context, y, [](vf v) { return sigmoid(v); }, x);
}

void sigmoid_backward(Context& context, Out dx, View dy, View y) {
  map_float(
      context, dx, [](vf d, vf v) { return mul(d, mul(v, sub(set(1.0f), v))); }, dy, y);
}

}  // namespace ettin::ETTIN_LEVEL
