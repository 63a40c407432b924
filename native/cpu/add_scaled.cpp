// Gradients that were made before their factor was known: a number that the device has, not the caller.
//
//   scale_in_place   y <- scale[] y            nothing is read where scale is 1
//   add_scaled       y <- y + scale[] x
//
//   y, x float32, of one shape (scale_in_place: also bfloat16); scale a float32 scalar
#include "simd.h"

namespace ettin::ETTIN_LEVEL {

constexpr int64_t piece = 32768;

void scale_in_place(Context& context, InOut y, View scale) {
  const float factor = as<float>(scale)[0];
  if (factor == 1.0f) return;
  parallel_chunks(context, size_of(y), piece, [&](int64_t begin, int64_t end) {
    const vf f = set(factor);
    by_float(y.dtype, [&]<class T>() {
      T* p = as<T>(y);
      for (int64_t i = begin; i < end; i += lanes) store(p + i, mul(load(p + i, end - i), f), end - i);
    });
  });
}

void add_scaled(Context& context, InOut y, View x, View scale) {
  parallel_chunks(context, size_of(y), piece, [&](int64_t begin, int64_t end) {
    float* p = as<float>(y);
    const float* q = as<float>(x);
    const vf f = set(as<float>(scale)[0]);
    for (int64_t i = begin; i < end; i += lanes) {
      store(p + i, fma(load(q + i, end - i), f, load(p + i, end - i)), end - i);
    }
  });
}

}  // namespace ettin::ETTIN_LEVEL
