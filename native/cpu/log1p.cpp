// log1p: y = ln(1 + x), accurate near zero; dx = dy / (1 + x).
#include "elementary.h"
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void log1p_forward(Context& context, Out y, View x) {
  map_float(
      context, y, [](vf v) { return log1p(v); }, x);
}

void log1p_backward(Context& context, Out dx, View dy, View x) {
  map_float(
      context, dx, [](vf d, vf v) { return div(d, add(set(1.0f), v)); }, dy, x);
}

}  // namespace ettin::ETTIN_LEVEL
