// arange: y[i] = start + step * i, computed in float64 and rounded once; towards zero where y is int32.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

__device__ void put_double(float& y, double x) { y = static_cast<float>(x); }
__device__ void put_double(bf16& y, double x) { y = to_bf16(static_cast<float>(x)); }
__device__ void put_double(int32_t& y, double x) { y = static_cast<int32_t>(x); }

template <class T>
__global__ void arange_kernel(T* y, int64_t n, double start, double step) {
  const int64_t i = thread_of_grid();
  if (i < n) put_double(y[i], __dadd_rn(start, __dmul_rn(step, static_cast<double>(i))));
}

}  // namespace

void arange(Context& context, Out y, double start, double step) {
  const int64_t n = size_of(y);
  by_number(y.dtype, [&]<class T>() {
    launch(context, arange_kernel<T>, blocks_for(n, map_threads), dim3(map_threads), 0, as<T>(y), n, start, step);
  });
}

}  // namespace ettin::ETTIN_LEVEL
