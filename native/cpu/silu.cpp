// silu: y = x sigmoid(x); dx = dy y'(x) (silu.h).
#include "silu.h"

#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void silu_forward(Context& context, Out y, View x) { map_float(context, y, Silu::value, x); }

void silu_backward(Context& context, Out dx, View dy, View x) {
  const auto f = [](vf d, vf v) {
    vf y, slope;
    Silu::value_and_slope(v, y, slope);
    return mul(d, slope);
  };
  map_float(context, dx, f, dy, x);
}

}  // namespace ettin::ETTIN_LEVEL
