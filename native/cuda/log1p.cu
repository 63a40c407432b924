// log1p: y = ln(1 + x), accurate near zero; dx = dy / (1 + x).
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Log1p {
  __device__ float operator()(float x) const { return log1pf(x); }
};
struct Log1pGradient {
  __device__ float operator()(float dy, float x) const { return dy / (1.0f + x); }
};

}  // namespace

void log1p_forward(Context& context, Out y, View x) { map_contiguous(context, y, Log1p{}, x); }

void log1p_backward(Context& context, Out dx, View dy, View x) { map_contiguous(context, dx, Log1pGradient{}, dy, x); }

}  // namespace ettin::ETTIN_LEVEL
