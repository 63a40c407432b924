// fill: y[i] = value, rounded to y's dtype; towards zero where that is int32.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

template <class V>
struct Constant {
  V value;
  __device__ V operator()() const { return value; }
};

}  // namespace

void fill(Context& context, Out y, double value) {
  if (y.dtype == DType::int32) {
    map<int32_t>(context, y, Constant<int32_t>{static_cast<int32_t>(value)});
  } else {
    map_float(context, y, Constant<float>{static_cast<float>(value)});
  }
}

}  // namespace ettin::ETTIN_LEVEL
