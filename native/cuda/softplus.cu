// softplus: y = ln(1 + e^x) as max(x, 0) + ln(1 + e^-|x|), which never overflows; dx = dy sigmoid(x).
#include "elementwise.h"
#include "silu.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Softplus {
  __device__ float operator()(float x) const { return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x))); }
};
struct SoftplusGradient {
  __device__ float operator()(float dy, float x) const { return dy * sigmoid(x); }
};

}  // namespace

void softplus_forward(Context& context, Out y, View x) { map_contiguous(context, y, Softplus{}, x); }

void softplus_backward(Context& context, Out dx, View dy, View x) {
  map_contiguous(context, dx, SoftplusGradient{}, dy, x);
}

}  // namespace ettin::ETTIN_LEVEL
