// gelu_tanh: GELU with its tanh formula, y = x/2 (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3), which is
// y = x sigmoid(2u): no difference of near-equal numbers where x is negative.
//   dx = dy (s + x s (1 - s) 2u'),   s = sigmoid(2u),   u' = sqrt(2/pi) (1 + 3 * 0.044715 x^2)
#include "elementwise.h"
#include "silu.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr float two_root = 1.59576912160573071f;  // 2 sqrt(2 / pi)
constexpr float cubic = 0.044715f;

__device__ __forceinline__ float gate(float x, float square) {
  return sigmoid(x * two_root * fmaf(square, cubic, 1.0f));
}

struct Forward {
  __device__ float operator()(float x) const { return x * gate(x, x * x); }
};
struct Backward {
  __device__ float operator()(float dy, float x) const {
    const float square = x * x, s = gate(x, square);
    const float bend = s * (1.0f - s) * (two_root * fmaf(square, 3 * cubic, 1.0f));
    return dy * fmaf(x, bend, s);
  }
};

}  // namespace

void gelu_tanh_forward(Context& context, Out y, View x) { map_contiguous(context, y, Forward{}, x); }
void gelu_tanh_backward(Context& context, Out dx, View dy, View x) { map_contiguous(context, dx, Backward{}, dy, x); }

}  // namespace ettin::ETTIN_LEVEL
