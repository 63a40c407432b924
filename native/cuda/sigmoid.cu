// sigmoid: y = 1 / (1 + e^-x); dx = dy y (1 - y).
#include "elementwise.h"
#include "silu.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Sigmoid {
  __device__ float operator()(float x) const { return sigmoid(x); }
};
struct SigmoidGradient {
  __device__ float operator()(float dy, float y) const { return dy * (y * (1.0f - y)); }
};

}  // namespace

void sigmoid_forward(Context& context, Out y, View x) { map_contiguous(context, y, Sigmoid{}, x); }

void sigmoid_backward(Context& context, Out dx, View dy, View y) {
  map_contiguous(context, dx, SigmoidGradient{}, dy, y);
}

}  // namespace ettin::ETTIN_LEVEL
