// greater: y = 1 where a > b, else 0, as int32. Inputs are strided, of one dtype; a NaN gives 0.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void greater(Context& context, Out y, View a, View b) {
  by_number(a.dtype, [&]<class T>() {
    const auto f = [](auto p, auto q) { return select(less(q, p), set_int(1), set_int(0)); };
    map<int32_t>(context, y, f, Input<T>(a), Input<T>(b));
  });
}

}  // namespace ettin::ETTIN_LEVEL
