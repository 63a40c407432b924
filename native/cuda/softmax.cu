/*
softmax: over one axis of x [outer, n, inner].

  forward    y[n] = e^(x[n] - max) / sum_k e^(x[k] - max)
  backward   dx[n] = y[n] (dy[n] - sum_k dy[k] y[k])

A row of nothing but -infinity gives zeros (the formula says 0 / 0): a query that may see no key takes nothing. A row
passes the memory once; what is read again is in the caches, but for very long rows.
*/
#include "axis_line.h"

namespace ettin::ETTIN_LEVEL {

namespace {

template <class T, Lines lines>
__global__ void __launch_bounds__(line_threads) forward(T* y, const T* x, Axis a) {
  const Line<lines> line(a);
  const float shift = line_shift(line, x);
  const float sum = line_exponentials(line, x, shift);
  const float scale = sum == 0.0f ? 0.0f : 1.0f / sum;
  for (int64_t k = line.first; k < line.n; k += line.step)
    store(y + line.at(k), expf(to_float(x[line.at(k)]) - shift) * scale);
}

template <class T, Lines lines>
__global__ void __launch_bounds__(line_threads) backward(T* dx, const T* dy, const T* y, Axis a) {
  const Line<lines> line(a);
  float dot = 0.0f;
  for (int64_t k = line.first; k < line.n; k += line.step)
    dot = fmaf(to_float(dy[line.at(k)]), to_float(y[line.at(k)]), dot);
  dot = line.sum(dot);
  for (int64_t k = line.first; k < line.n; k += line.step)
    store(dx + line.at(k), to_float(y[line.at(k)]) * (to_float(dy[line.at(k)]) - dot));
}

}  // namespace

void softmax_forward(Context& context, Out y, View x, int64_t axis) {
  const Axis a = axis_of(x, axis);
  by_float(x.dtype, [&]<class T>() {
    by_lines(a, [&]<Lines lines>(dim3 grid) {
      launch(context, forward<T, lines>, grid, dim3(line_threads), 0, as<T>(y), as<T>(x), a);
    });
  });
}

void softmax_backward(Context& context, Out dx, View dy, View y, int64_t axis) {
  const Axis a = axis_of(y, axis);
  by_float(y.dtype, [&]<class T>() {
    by_lines(a, [&]<Lines lines>(dim3 grid) {
      launch(context, backward<T, lines>, grid, dim3(line_threads), 0, as<T>(dx), as<T>(dy), as<T>(y), a);
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
