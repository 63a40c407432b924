// exp: y = e^x; dx = dy y.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Exp {
  __device__ float operator()(float x) const { return expf(x); }
};
struct ExpGradient {
  __device__ float operator()(float dy, float y) const { return dy * y; }
};

}  // namespace

void exp_forward(Context& context, Out y, View x) { map_contiguous(context, y, Exp{}, x); }

void exp_backward(Context& context, Out dx, View dy, View y) { map_contiguous(context, dx, ExpGradient{}, dy, y); }

}  // namespace ettin::ETTIN_LEVEL
