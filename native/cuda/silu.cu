// silu: y = x sigmoid(x); dx = dy y'(x) (silu.h).
#include "silu.h"

#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Forward {
  __device__ float operator()(float x) const { return Silu::value(x); }
};
struct Backward {
  __device__ float operator()(float dy, float x) const {
    float y, slope;
    Silu::value_and_slope(x, y, slope);
    return dy * slope;
  }
};

}  // namespace

void silu_forward(Context& context, Out y, View x) { map_contiguous(context, y, Forward{}, x); }
void silu_backward(Context& context, Out dx, View dy, View x) { map_contiguous(context, dx, Backward{}, dy, x); }

}  // namespace ettin::ETTIN_LEVEL
