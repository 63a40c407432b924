/*
l2_normalize: each row to length 1.

  norm = sqrt(sum_c x[c]^2)                    y[c] = x[c] / max(norm, eps)

  dx[c] = (dy[c] - y[c] sum(dy y)) / norm      where norm > eps
  dx[c] = dy[c] / eps                          else: the divisor is a constant there

  x, y, dy, dx [T,C] along the last axis   norm [T] float32
*/
#include "row_sum.h"

namespace ettin::ETTIN_LEVEL {

void l2_normalize_forward(Context& context, Out y, Out norm, View x, double eps) {
  const int64_t C = last(x);
  const bool past = past_cache(y);
  by_float(x.dtype, [&]<class T>() {
    parallel_chunks(context, rows(x), rows_per_task(C), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; t++) {
        const T* in = as<T>(x) + t * C;
        T* out = as<T>(y) + t * C;
        const float squares = row_sum(C, [&](vf acc, int64_t c, int64_t m) {
          const vf v = load(in + c, m);
          return fma(v, v, acc);
        });
        const float length = __builtin_sqrtf(squares);
        as<float>(norm)[t] = length;
        const vf divisor = set(length < static_cast<float>(eps) ? static_cast<float>(eps) : length);
        store_row(past, out, C, [&](int64_t c, int64_t m) { return div(load(in + c, m), divisor); });
      }
      stream_end();
    });
  });
}

void l2_normalize_backward(Context& context, Out dx, View dy, View y, View norm, double eps) {
  const int64_t C = last(y);
  const bool past = past_cache(dx);
  by_float(y.dtype, [&]<class T>() {
    parallel_chunks(context, rows(y), rows_per_task(C), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; t++) {
        const T *gradient = as<T>(dy) + t * C, *unit = as<T>(y) + t * C;
        T* out = as<T>(dx) + t * C;
        const float length = as<float>(norm)[t];
        const bool tiny = length <= static_cast<float>(eps);
        const float product = tiny ? 0.0f : row_sum(C, [&](vf acc, int64_t c, int64_t m) {
          return fma(load(gradient + c, m), load(unit + c, m), acc);
        });
        const vf dot = set(product), divisor = set(tiny ? static_cast<float>(eps) : length);
        store_row(past, out, C, [&](int64_t c, int64_t m) {
          return div(fnma(load(unit + c, m), dot, load(gradient + c, m)), divisor);
        });
      }
      stream_end();
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
