/*
logsumexp: over one axis of x [outer, n, inner]; y is [outer, inner].

  forward    y = max + log sum_n e^(x[n] - max)
  backward   dx[n] = dy e^(x[n] - max) / sum_k e^(x[k] - max)

-infinity where n = 0 or where all of a row is; no gradient there. The backward pass forms max and sum again:
e^(x - y) would carry the rounding of a large y.
*/
#include "axis_line.h"

namespace ettin::ETTIN_LEVEL {

namespace {

template <class T, Lines lines>
__global__ void __launch_bounds__(line_threads) forward(T* y, const T* x, Axis a) {
  const Line<lines> line(a);
  const float shift = line_shift(line, x);
  const float sum = line_exponentials(line, x, shift);
  if (line.leads) store(y + line.number, shift == infinity ? infinity : shift + logf(sum));
}

template <class T, Lines lines>
__global__ void __launch_bounds__(line_threads) backward(T* dx, const T* dy, const T* x, Axis a) {
  const Line<lines> line(a);
  const float shift = line_shift(line, x);
  const float sum = line_exponentials(line, x, shift);
  if (line.n == 0) return;
  const float scale = sum == 0.0f ? 0.0f : to_float(dy[line.number]) / sum;
  for (int64_t k = line.first; k < line.n; k += line.step)
    store(dx + line.at(k), expf(to_float(x[line.at(k)]) - shift) * scale);
}

}  // namespace

void logsumexp_forward(Context& context, Out y, View x, int64_t axis) {
  const Axis a = axis_of(x, axis);
  by_float(x.dtype, [&]<class T>() {
    by_lines(a, [&]<Lines lines>(dim3 grid) {
      launch(context, forward<T, lines>, grid, dim3(line_threads), 0, as<T>(y), as<T>(x), a);
    });
  });
}

void logsumexp_backward(Context& context, Out dx, View dy, View x, View, int64_t axis) {
  const Axis a = axis_of(x, axis);
  by_float(x.dtype, [&]<class T>() {
    by_lines(a, [&]<Lines lines>(dim3 grid) {
      launch(context, backward<T, lines>, grid, dim3(line_threads), 0, as<T>(dx), as<T>(dy), as<T>(x), a);
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
