// gelu: y = x Phi(x), with the exact normal distribution; dx = dy y'(x) (gelu.h).
#include "gelu.h"

#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void gelu_forward(Context& context, Out y, View x) { map_float(context, y, Gelu::value, x); }

void gelu_backward(Context& context, Out dx, View dy, View x) {
  const auto f = [](vf d, vf v) {
    vf y, slope;
    Gelu::value_and_slope(v, y, slope);
    return mul(d, slope);
  };
  map_float(context, dx, f, dy, x);
}

}  // namespace ettin::ETTIN_LEVEL
