// gelu: y = x Phi(x), with the exact normal distribution; dx = dy y'(x) (gelu.h).
#include "gelu.h"

#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Forward {
  __device__ float operator()(float x) const { return Gelu::value(x); }
};
struct Backward {
  __device__ float operator()(float dy, float x) const {
    float y, slope;
    Gelu::value_and_slope(x, y, slope);
    return dy * slope;
  }
};

}  // namespace

void gelu_forward(Context& context, Out y, View x) { map_contiguous(context, y, Forward{}, x); }
void gelu_backward(Context& context, Out dx, View dy, View x) { map_contiguous(context, dx, Backward{}, dy, x); }

}  // namespace ettin::ETTIN_LEVEL
