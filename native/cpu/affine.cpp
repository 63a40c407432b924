// affine: y = scale * x + shift, for negation, scaling and constants; int32 in float64, towards zero.
// Without a shift it is a plain product, so that the sign of a zero is kept.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void affine(Context& context, Out y, View x, double scale, double shift) {
  if (y.dtype == DType::int32) {
    const Strided source = strided(x);
    parallel_chunks(context, size_of(y), elementwise_block, [&](int64_t begin, int64_t end) {
      int32_t buffer[elementwise_block];
      const int32_t* from = fetch(source, begin, end - begin, buffer);
      for (int64_t i = begin; i < end; i++) as<int32_t>(y)[i] = static_cast<int32_t>(scale * from[i - begin] + shift);
    });
    return;
  }
  const vf a = set(static_cast<float>(scale)), b = set(static_cast<float>(shift));
  if (shift == 0) {
    map_float(
        context, y, [&](vf v) { return mul(a, v); }, x);
  } else {
    map_float(
        context, y, [&](vf v) { return fma(a, v, b); }, x);
  }
}

}  // namespace ettin::ETTIN_LEVEL
