// gelu_tanh: GELU with its tanh formula, y = x/2 (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3), which is
// y = x sigmoid(2u): no difference of near-equal numbers where x is negative.
//   dx = dy (s + x s (1 - s) 2u'),   s = sigmoid(2u),   u' = sqrt(2/pi) (1 + 3 * 0.044715 x^2)
#include "elementary.h"
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr float two_root = 1.59576912160573071f;  // 2 sqrt(2 / pi)
constexpr float cubic = 0.044715f;

vf gate(vf x, vf square) {
  const vf u = mul(mul(x, set(two_root)), fma(square, set(cubic), set(1.0f)));
  return sigmoid(u);
}

}  // namespace

void gelu_tanh_forward(Context& context, Out y, View x) {
  map_float(
      context, y, [](vf v) { return mul(v, gate(v, mul(v, v))); }, x);
}

void gelu_tanh_backward(Context& context, Out dx, View dy, View x) {
  const auto f = [](vf d, vf v) {
    const vf square = mul(v, v), s = gate(v, square);
    const vf slope = mul(set(two_root), fma(square, set(3 * cubic), set(1.0f)));
    const vf bend = mul(mul(s, sub(set(1.0f), s)), slope);
    return mul(d, fma(v, bend, s));
  };
  map_float(context, dx, f, dy, x);
}

}  // namespace ettin::ETTIN_LEVEL
