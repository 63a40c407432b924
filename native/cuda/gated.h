// The kernels of geglu and swiglu: x [T,2C] holds a and g side by side, a thread has a run of a row of both.
// Act has value(x) and value_and_slope(x, y, slope).
#pragma once

#include "runs.h"
#include "strided.h"

namespace ettin::ETTIN_LEVEL {

constexpr int gated_threads = 256;

// Run number i of y's T rows: where it lies in y (and dy), and where in x (and dx).
struct GatedPlace {
  int64_t narrow, wide;
};
template <int N>
__device__ __forceinline__ GatedPlace gated_place(int64_t i, const Divisor& runs_in_row, int64_t C) {
  const int64_t row = runs_in_row.quotient(i), c = (i - row * runs_in_row.value) * N;
  return {row * C + c, 2 * row * C + c};
}

template <class Act, int N, class T>
__global__ void __launch_bounds__(gated_threads)
    gated_forward_kernel(T* y, const T* x, int64_t C, Divisor runs_in_row, int64_t runs) {
  const int64_t i = thread_of_grid();
  if (i >= runs) return;
  const GatedPlace at = gated_place<N>(i, runs_in_row, C);
  const Run<T, N> a = load_run<N>(x + at.wide), g = load_run<N>(x + at.wide + C);
  float result[N];
#pragma unroll
  for (int k = 0; k < N; k++) result[k] = Act::value(value_at(a, k)) * value_at(g, k);
  store_run(y + at.narrow, result);
}

template <class Act, int N, class T>
__global__ void __launch_bounds__(gated_threads)
    gated_backward_kernel(T* dx, const T* dy, const T* x, int64_t C, Divisor runs_in_row, int64_t runs) {
  const int64_t i = thread_of_grid();
  if (i >= runs) return;
  const GatedPlace at = gated_place<N>(i, runs_in_row, C);
  const Run<T, N> d = load_run<N>(dy + at.narrow);
  const Run<T, N> a = load_run<N>(x + at.wide), g = load_run<N>(x + at.wide + C);
  float da[N], dg[N];
#pragma unroll
  for (int k = 0; k < N; k++) {
    const float dy_k = value_at(d, k);
    float y, slope;
    Act::value_and_slope(value_at(a, k), y, slope);
    da[k] = dy_k * value_at(g, k) * slope;
    dg[k] = dy_k * y;
  }
  store_run(dx + at.wide, da);
  store_run(dx + at.wide + C, dg);
}

// body<T, N>: by dtype, and by runs of 16 bytes where all rows allow them, else by elements.
template <class Body, class... V>
void by_gated_run(int64_t C, const Body& body, const View& first, const V&... others) {
  by_float(first.dtype, [&]<class T>() {
    constexpr int N = run_size<T>;
    if (C % N == 0 && aligned_for_runs<N>(as<T>(first)) && (aligned_for_runs<N>(as<T>(others)) && ...)) {
      body.template operator()<T, N>();
    } else {
      body.template operator()<T, 1>();
    }
  });
}

template <class Act>
void gated_forward(Context& context, const Out& y, const View& x) {
  const int64_t C = last(y), n = size_of(y);
  if (n == 0) return;
  const auto body = [&]<class T, int N>() {
    launch(context, gated_forward_kernel<Act, N, T>, blocks_for(n / N, gated_threads), dim3(gated_threads), 0, as<T>(y),
           as<T>(x), C, divisor(C / N), n / N);
  };
  by_gated_run(C, body, y, x);
}

template <class Act>
void gated_backward(Context& context, const Out& dx, const View& dy, const View& x) {
  const int64_t C = last(dy), n = size_of(dy);
  if (n == 0) return;
  const auto body = [&]<class T, int N>() {
    launch(context, gated_backward_kernel<Act, N, T>, blocks_for(n / N, gated_threads), dim3(gated_threads), 0,
           as<T>(dx), as<T>(dy), as<T>(x), C, divisor(C / N), n / N);
  };
  by_gated_run(C, body, dx, dy, x);
}

}  // namespace ettin::ETTIN_LEVEL
