// mul: y = a * b. Inputs are strided; int32 wraps around.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void mul(Context& context, Out y, View a, View b) {
  by_number(y.dtype, [&]<class T>() {
    map<T>(
        context, y, [](auto p, auto q) { return mul(p, q); }, Input<T>(a), Input<T>(b));
  });
}

}  // namespace ettin::ETTIN_LEVEL
