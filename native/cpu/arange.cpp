// arange: y[i] = start + step * i, computed in float64 and rounded once; towards zero where y is int32.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

void put(float* y, double x) { *y = static_cast<float>(x); }
void put(bf16* y, double x) { *y = to_bf16(static_cast<float>(x)); }
void put(int32_t* y, double x) { *y = static_cast<int32_t>(x); }

}  // namespace

void arange(Context& context, Out y, double start, double step) {
  by_number(y.dtype, [&]<class T>() {
    parallel_chunks(context, size_of(y), elementwise_grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) put(as<T>(y) + i, start + step * static_cast<double>(i));
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
