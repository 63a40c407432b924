// tanh: y = tanh x; dx = dy (1 - y^2).
#include "elementary.h"
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void tanh_forward(Context& context, Out y, View x) {
  map_float(
      context, y, [](vf v) { return tanh(v); }, x);
}

void tanh_backward(Context& context, Out dx, View dy, View y) {
  map_float(
      context, dx, [](vf d, vf v) { return mul(d, fnma(v, v, set(1.0f))); }, dy, y);
}

}  // namespace ettin::ETTIN_LEVEL
