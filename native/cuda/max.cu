/*
max: over one axis of x [outer, n, inner], n >= 1; y and indices are [outer, inner].

  forward    y = max_n x[n], indices = the first n that has it; a NaN counts as the largest
  backward   dx[n] = dy where n = indices, else 0
*/
#include "axis_line.h"
#include "row_numbers.h"

namespace ettin::ETTIN_LEVEL {

namespace {

template <class T, Lines lines>
__global__ void __launch_bounds__(line_threads) forward(T* y, int32_t* indices, const T* x, Axis a) {
  const Line<lines> line(a);
  Best best{0.0f, -1};
  for (int64_t k = line.first; k < line.n; k += line.step) best.see(to_float(x[line.at(k)]), k);
  best = line.best(best);
  if (!line.leads) return;
  indices[line.number] = static_cast<int32_t>(best.at);
  y[line.number] = x[line.at(best.at)];
}

// dx is zero.
template <class T>
__global__ void put(T* dx, const T* dy, const int32_t* indices, Axis a) {
  const int64_t i = thread_of_grid();
  if (i >= a.outer * a.inner) return;
  const int64_t n = indices[i];
  if (n >= 0 && n < a.n) dx[(i / a.inner * a.n + n) * a.inner + i % a.inner] = dy[i];
}

}  // namespace

void max_forward(Context& context, Out y, Out indices, View x, int64_t axis) {
  const Axis a = axis_of(x, axis);
  by_float(x.dtype, [&]<class T>() {
    by_lines(a, [&]<Lines lines>(dim3 grid) {
      launch(context, forward<T, lines>, grid, dim3(line_threads), 0, as<T>(y), as<int32_t>(indices), as<T>(x), a);
    });
  });
}

void max_backward(Context& context, Out dx, View dy, View indices, int64_t axis) {
  const Axis a = axis_of(dx, axis);
  zero(context, dx);
  by_float(dx.dtype, [&]<class T>() {
    launch(context, put<T>, blocks_for(a.outer * a.inner, 256), dim3(256), 0, as<T>(dx), as<T>(dy),
           as<int32_t>(indices), a);
  });
}

}  // namespace ettin::ETTIN_LEVEL
