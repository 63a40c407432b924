// where: y = a where condition (int32) is not 0, else b. Inputs are strided.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Where {
  template <class T>
  __device__ T operator()(int32_t condition, T a, T b) const {
    return condition != 0 ? a : b;
  }
};

}  // namespace

void where(Context& context, Out y, View condition, View a, View b) {
  by_number(y.dtype,
            [&]<class T>() { map<T>(context, y, Where{}, Input<int32_t>(condition), Input<T>(a), Input<T>(b)); });
}

}  // namespace ettin::ETTIN_LEVEL
