// sqrt: y = sqrt x; dx = dy / (2 y).
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Sqrt {
  __device__ float operator()(float x) const { return sqrtf(x); }
};
struct SqrtGradient {
  __device__ float operator()(float dy, float y) const { return dy / (y + y); }
};

}  // namespace

void sqrt_forward(Context& context, Out y, View x) { map_contiguous(context, y, Sqrt{}, x); }

void sqrt_backward(Context& context, Out dx, View dy, View y) { map_contiguous(context, dx, SqrtGradient{}, dy, y); }

}  // namespace ettin::ETTIN_LEVEL
