// div: y = a / b, float only. Inputs are strided.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void div(Context& context, Out y, View a, View b) {
  map_float(
      context, y, [](vf p, vf q) { return div(p, q); }, a, b);
}

}  // namespace ettin::ETTIN_LEVEL
