// fill: y[i] = value, rounded to y's dtype; towards zero where that is int32.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void fill(Context& context, Out y, double value) {
  if (y.dtype == DType::int32) {
    const vi x = set_int(static_cast<int32_t>(value));
    map<int32_t>(context, y, [&] { return x; });
  } else {
    const vf x = set(static_cast<float>(value));
    by_float(y.dtype, [&]<class T>() { map<T>(context, y, [&] { return x; }); });
  }
}

}  // namespace ettin::ETTIN_LEVEL
