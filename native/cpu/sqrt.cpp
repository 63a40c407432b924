// sqrt: y = sqrt x; dx = dy / (2 y).
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void sqrt_forward(Context& context, Out y, View x) {
  map_float(
      context, y, [](vf v) { return sqrt(v); }, x);
}

void sqrt_backward(Context& context, Out dx, View dy, View y) {
  map_float(
      context, dx, [](vf d, vf v) { return div(d, add(v, v)); }, dy, y);
}

}  // namespace ettin::ETTIN_LEVEL
