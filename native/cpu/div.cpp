// div: y = a / b, float only. Inputs are strided.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void div(Context& context, Out y, View a, View b) {
  by_float(y.dtype, [&]<class T>() {
    map<T>(context, y, [](vf p, vf q) { return div(p, q); }, Input<T>(a), Input<T>(b));
  });
}

}  // namespace ettin::ETTIN_LEVEL
