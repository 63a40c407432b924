// log: y = ln x, -infinity at zero and NaN below; dx = dy / x.
#include "elementary.h"
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void log_forward(Context& context, Out y, View x) {
  map_float(
      context, y, [](vf v) { return log(v); }, x);
}

void log_backward(Context& context, Out dx, View dy, View x) {
  map_float(
      context, dx, [](vf d, vf v) { return div(d, v); }, dy, x);
}

}  // namespace ettin::ETTIN_LEVEL
