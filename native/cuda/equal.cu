// equal: y = 1 where a = b, else 0, as int32. Inputs are strided, of one dtype; a NaN gives 0.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Equal {
  __device__ int32_t operator()(float a, float b) const { return a == b; }
  __device__ int32_t operator()(int32_t a, int32_t b) const { return a == b; }
};

}  // namespace

void equal(Context& context, Out y, View a, View b) {
  by_number(a.dtype, [&]<class T>() { map<int32_t>(context, y, Equal{}, Input<T>(a), Input<T>(b)); });
}

}  // namespace ettin::ETTIN_LEVEL
