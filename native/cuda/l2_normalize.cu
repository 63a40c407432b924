/*
l2_normalize: each row to length 1.

  norm = sqrt(sum_c x[c]^2)                    y[c] = x[c] / max(norm, eps)

  dx[c] = (dy[c] - y[c] sum(dy y)) / norm      where norm > eps
  dx[c] = dy[c] / eps                          else: the divisor is a constant there

  x, y, dy, dx [T,C] along the last axis   norm [T] float32
*/
#include "axis_line.h"

namespace ettin::ETTIN_LEVEL {

namespace {

template <class T, Lines lines>
__global__ void __launch_bounds__(line_threads) forward(T* y, float* norm, const T* x, Axis a, float eps) {
  const Line<lines> line(a);
  float squares = 0.0f;
  for (int64_t k = line.first; k < line.n; k += line.step) {
    const float v = to_float(x[line.at(k)]);
    squares = fmaf(v, v, squares);
  }
  const float length = sqrtf(line.sum(squares));
  if (line.leads) norm[line.number] = length;
  const float divisor = length < eps ? eps : length;
  for (int64_t k = line.first; k < line.n; k += line.step) store(y + line.at(k), to_float(x[line.at(k)]) / divisor);
}

template <class T, Lines lines>
__global__ void __launch_bounds__(line_threads)
    backward(T* dx, const T* dy, const T* y, const float* norm, Axis a, float eps) {
  const Line<lines> line(a);
  const float length = line.n > 0 ? norm[line.number] : 0.0f;
  const bool tiny = length <= eps;
  float dot = 0.0f;
  for (int64_t k = line.first; k < line.n; k += line.step)
    dot = fmaf(to_float(dy[line.at(k)]), to_float(y[line.at(k)]), dot);
  dot = line.sum(dot);
  if (tiny) dot = 0.0f;
  const float divisor = tiny ? eps : length;
  for (int64_t k = line.first; k < line.n; k += line.step)
    store(dx + line.at(k), fmaf(-to_float(y[line.at(k)]), dot, to_float(dy[line.at(k)])) / divisor);
}

}  // namespace

void l2_normalize_forward(Context& context, Out y, Out norm, View x, double eps) {
  const Axis a{rows(x), last(x), 1};
  by_float(x.dtype, [&]<class T>() {
    by_lines(a, [&]<Lines lines>(dim3 grid) {
      launch(context, forward<T, lines>, grid, dim3(line_threads), 0, as<T>(y), as<float>(norm), as<T>(x), a,
             static_cast<float>(eps));
    });
  });
}

void l2_normalize_backward(Context& context, Out dx, View dy, View y, View norm, double eps) {
  const Axis a{rows(y), last(y), 1};
  by_float(y.dtype, [&]<class T>() {
    by_lines(a, [&]<Lines lines>(dim3 grid) {
      launch(context, backward<T, lines>, grid, dim3(line_threads), 0, as<T>(dx), as<T>(dy), as<T>(y), as<float>(norm),
             a, static_cast<float>(eps));
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
