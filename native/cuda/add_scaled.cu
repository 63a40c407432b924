// Gradients that were made before their factor was known: a number that the device has, not the caller.
//
//   scale_in_place   y <- scale[] y            nothing is read where scale is 1
//   add_scaled       y <- y + scale[] x
//
//   y, x float32, of one shape (scale_in_place: also bfloat16); scale a float32 scalar
#include "runs.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int threads = 256;

// n elements, the first of them in runs.
template <class T>
__global__ void __launch_bounds__(threads) scale_kernel(T* y, const float* scale, int64_t n, int64_t runs) {
  constexpr int N = run_size<T>;
  const float factor = *scale;
  if (factor == 1.0f) return;
  for (int64_t i = thread_of_grid(); i < runs; i += threads_of_grid()) {
    const Run<T, N> run = load_run<N>(y + i * N);
    float scaled[N];
#pragma unroll
    for (int k = 0; k < N; k++) scaled[k] = value_at(run, k) * factor;
    store_run(y + i * N, scaled);
  }
  for (int64_t i = runs * N + thread_of_grid(); i < n; i += threads_of_grid()) put(y[i], to_float(y[i]) * factor);
}

__global__ void __launch_bounds__(threads)
    add_scaled_kernel(float* y, const float* x, const float* scale, int64_t n, int64_t runs) {
  constexpr int N = run_size<float>;
  const float factor = *scale;
  for (int64_t i = thread_of_grid(); i < runs; i += threads_of_grid()) {
    const Run<float, N> a = load_run<N>(y + i * N), b = load_run<N>(x + i * N);
    float sum[N];
#pragma unroll
    for (int k = 0; k < N; k++) sum[k] = fmaf(b.item[k], factor, a.item[k]);
    store_run(y + i * N, sum);
  }
  for (int64_t i = runs * N + thread_of_grid(); i < n; i += threads_of_grid()) y[i] = fmaf(x[i], factor, y[i]);
}

}  // namespace

void scale_in_place(Context& context, InOut y, View scale) {
  const int64_t n = size_of(y);
  by_float(y.dtype, [&]<class T>() {
    constexpr int N = run_size<T>;
    const int64_t runs = aligned_for_runs<N>(as<T>(y)) ? n / N : 0;
    launch(context, scale_kernel<T>, blocks_for(ceil_div(n, N), threads), dim3(threads), 0, as<T>(y), as<float>(scale),
           n, runs);
  });
}

void add_scaled(Context& context, InOut y, View x, View scale) {
  constexpr int N = run_size<float>;
  const int64_t n = size_of(y);
  const int64_t runs = aligned_for_runs<N>(as<float>(y)) && aligned_for_runs<N>(as<float>(x)) ? n / N : 0;
  launch(context, add_scaled_kernel, blocks_for(ceil_div(n, N), threads), dim3(threads), 0, as<float>(y), as<float>(x),
         as<float>(scale), n, runs);
}

}  // namespace ettin::ETTIN_LEVEL
