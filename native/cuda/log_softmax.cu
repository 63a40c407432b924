/*
log_softmax: over one axis of x [outer, n, inner].

  forward    y[n] = (x[n] - max) - log sum_k e^(x[k] - max)
  backward   dx[n] = dy[n] - e^y[n] sum_k dy[k]

The shift is taken off before the logarithm: scores of 10,000 lose nothing. A row of nothing but -infinity stays
-infinity.
*/
#include "axis_line.h"

namespace ettin::ETTIN_LEVEL {

namespace {

template <class T, Lines lines>
__global__ void __launch_bounds__(line_threads) forward(T* y, const T* x, Axis a) {
  const Line<lines> line(a);
  const float shift = line_shift(line, x);
  const float sum = line_exponentials(line, x, shift);
  const float log_sum = sum == 0.0f ? 0.0f : logf(sum);
  for (int64_t k = line.first; k < line.n; k += line.step)
    store(y + line.at(k), to_float(x[line.at(k)]) - shift - log_sum);
}

template <class T, Lines lines>
__global__ void __launch_bounds__(line_threads) backward(T* dx, const T* dy, const T* y, Axis a) {
  const Line<lines> line(a);
  float sum = 0.0f;
  for (int64_t k = line.first; k < line.n; k += line.step) sum += to_float(dy[line.at(k)]);
  sum = line.sum(sum);
  for (int64_t k = line.first; k < line.n; k += line.step)
    store(dx + line.at(k), fmaf(-expf(to_float(y[line.at(k)])), sum, to_float(dy[line.at(k)])));
}

}  // namespace

void log_softmax_forward(Context& context, Out y, View x, int64_t axis) {
  const Axis a = axis_of(x, axis);
  by_float(x.dtype, [&]<class T>() {
    by_lines(a, [&]<Lines lines>(dim3 grid) {
      launch(context, forward<T, lines>, grid, dim3(line_threads), 0, as<T>(y), as<T>(x), a);
    });
  });
}

void log_softmax_backward(Context& context, Out dx, View dy, View y, int64_t axis) {
  const Axis a = axis_of(y, axis);
  by_float(y.dtype, [&]<class T>() {
    by_lines(a, [&]<Lines lines>(dim3 grid) {
      launch(context, backward<T, lines>, grid, dim3(line_threads), 0, as<T>(dx), as<T>(dy), as<T>(y), a);
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
