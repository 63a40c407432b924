// relu: y = max(x, 0), a NaN stays; dx = dy where x > 0, else 0.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Relu {
  __device__ float operator()(float x) const { return 0.0f > x ? 0.0f : x; }
};
struct ReluGradient {
  __device__ float operator()(float dy, float x) const { return x <= 0.0f ? 0.0f : dy; }
};

}  // namespace

void relu_forward(Context& context, Out y, View x) { map_contiguous(context, y, Relu{}, x); }

void relu_backward(Context& context, Out dx, View dy, View x) { map_contiguous(context, dx, ReluGradient{}, dy, x); }

}  // namespace ettin::ETTIN_LEVEL
