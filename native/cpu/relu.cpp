// relu: y = max(x, 0), a NaN stays; dx = dy where x > 0, else 0.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void relu_forward(Context& context, Out y, View x) {
  map_float(
      context, y, [](vf v) { return max(zero(), v); }, x);
}

void relu_backward(Context& context, Out dx, View dy, View x) {
  map_float(
      context, dx, [](vf d, vf v) { return select(less_equal(v, zero()), zero(), d); }, dy, x);
}

}  // namespace ettin::ETTIN_LEVEL
