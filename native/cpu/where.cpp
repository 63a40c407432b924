// where: y = a where condition (int32) is not 0, else b. Inputs are strided.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void where(Context& context, Out y, View condition, View a, View b) {
  by_number(y.dtype, [&]<class T>() {
    const auto f = [](vi c, auto p, auto q) { return select(equal(c, set_int(0)), q, p); };
    map<T>(context, y, f, Input<int32_t>(condition), Input<T>(a), Input<T>(b));
  });
}

}  // namespace ettin::ETTIN_LEVEL
