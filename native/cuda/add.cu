// add: y = a + b. Inputs are strided; int32 wraps around.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Add {
  __device__ float operator()(float a, float b) const { return a + b; }
  __device__ int32_t operator()(int32_t a, int32_t b) const {
    return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
  }
};

}  // namespace

void add(Context& context, Out y, View a, View b) {
  by_number(y.dtype, [&]<class T>() { map<T>(context, y, Add{}, Input<T>(a), Input<T>(b)); });
}

}  // namespace ettin::ETTIN_LEVEL
