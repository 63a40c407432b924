// affine: y = scale * x + shift, for negation, scaling and constants; int32 in float64, towards zero.
// Without a shift it is a plain product, so that the sign of a zero is kept.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Product {
  float scale;
  __device__ float operator()(float x) const { return scale * x; }
};
struct Affine {
  float scale, shift;
  __device__ float operator()(float x) const { return fmaf(scale, x, shift); }
};
struct AffineInt {
  double scale, shift;
  __device__ int32_t operator()(int32_t x) const {  // two roundings, as everywhere
    return static_cast<int32_t>(__dadd_rn(__dmul_rn(scale, x), shift));
  }
};

}  // namespace

void affine(Context& context, Out y, View x, double scale, double shift) {
  const auto a = static_cast<float>(scale), b = static_cast<float>(shift);
  if (y.dtype == DType::int32) {
    map<int32_t>(context, y, AffineInt{scale, shift}, Input<int32_t>(x));
  } else if (shift == 0) {
    map_float(context, y, Product{a}, x);
  } else {
    map_float(context, y, Affine{a, b}, x);
  }
}

}  // namespace ettin::ETTIN_LEVEL
