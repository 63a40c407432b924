// fill: y[i] = value, rounded to y's dtype; towards zero where that is int32.
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

// n elements, the first of them in runs.
template <class T, class V>
__global__ void fill_kernel(T* y, V x, int64_t n, int64_t runs) {
  constexpr int N = run_size<T>;
  V values[N];
#pragma unroll
  for (int k = 0; k < N; k++) values[k] = x;
  for (int64_t i = thread_of_grid(); i < runs; i += threads_of_grid()) store_run(y + i * N, values);
  for (int64_t i = runs * N + thread_of_grid(); i < n; i += threads_of_grid()) put(y[i], x);
}

template <class T, class V>
void fill_with(Context& context, const View& y, V x) {
  constexpr int N = run_size<T>;
  const int64_t n = size_of(y), runs = aligned_for_runs<N>(as<T>(y)) ? n / N : 0;
  launch(context, fill_kernel<T, V>, blocks_for(ceil_div(n, N), map_threads), dim3(map_threads), 0, as<T>(y), x, n,
         runs);
}

}  // namespace

void fill(Context& context, Out y, double value) {
  if (y.dtype == DType::int32) {
    fill_with<int32_t>(context, y, static_cast<int32_t>(value));
  } else {
    by_float(y.dtype, [&]<class T>() { fill_with<T>(context, y, static_cast<float>(value)); });
  }
}

}  // namespace ettin::ETTIN_LEVEL
