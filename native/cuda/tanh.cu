// tanh: y = tanh x; dx = dy (1 - y^2).
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Tanh {
  __device__ float operator()(float x) const { return tanhf(x); }
};
struct TanhGradient {
  __device__ float operator()(float dy, float y) const { return dy * fmaf(-y, y, 1.0f); }
};

}  // namespace

void tanh_forward(Context& context, Out y, View x) { map_contiguous(context, y, Tanh{}, x); }

void tanh_backward(Context& context, Out dx, View dy, View y) { map_contiguous(context, dx, TanhGradient{}, dy, y); }

}  // namespace ettin::ETTIN_LEVEL
