// div: y = a / b, float only. Inputs are strided.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Div {
  __device__ float operator()(float a, float b) const { return a / b; }
};

}  // namespace

void div(Context& context, Out y, View a, View b) { map_float(context, y, Div{}, a, b); }

}  // namespace ettin::ETTIN_LEVEL
