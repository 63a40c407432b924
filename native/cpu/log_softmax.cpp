/*
log_softmax: over one axis of x [outer, n, inner].

  forward    y[n] = (x[n] - max) - log sum_k e^(x[k] - max)
  backward   dx[n] = dy[n] - e^y[n] sum_k dy[k]

The shift is taken off before the logarithm: scores of 10,000 lose nothing. A row of nothing but -infinity
stays -infinity.
*/
#include "softmax_row.h"

namespace ettin::ETTIN_LEVEL {

namespace {

float log_or_zero(float sum) { return sum == 0.0f ? 0.0f : log_of(sum); }

template <class T>
void forward_row(bool past, T* y, const T* x, int64_t n) {
  const float shift = shift_by(row_largest(x, n));
  const vf s = set(shift), log_sum = set(log_or_zero(row_exponentials(x, n, shift)));
  store_row(past, y, n, [&](int64_t i, int64_t m) { return sub(sub(load(x + i, m), s), log_sum); });
}

template <class T>
void forward_columns(T* y, const T* x, int64_t n, int64_t columns, int64_t stride) {
  float shifts[softmax_columns], sums[softmax_columns];
  column_exponentials(shifts, sums, x, n, columns, stride);
  for (int64_t c = 0; c < columns; c++) sums[c] = log_or_zero(sums[c]);
  for (int64_t r = 0; r < n; r++) {
    for (int64_t c = 0; c < columns; c += lanes) {
      const int64_t i = r * stride + c;
      store(y + i, sub(sub(load(x + i, columns - c), load(shifts + c)), load(sums + c)), columns - c);
    }
  }
}

template <class T>
void backward_row(bool past, T* dx, const T* dy, const T* y, int64_t n) {
  const vf sum = set(row_sum(dy, n));
  store_row(past, dx, n, [&](int64_t i, int64_t m) { return fnma(exp_shifted(load(y + i, m)), sum, load(dy + i, m)); });
}

template <class T>
void backward_columns(T* dx, const T* dy, const T* y, int64_t n, int64_t columns, int64_t stride) {
  float sums[softmax_columns];
  column_sums(sums, n, columns, [&](int64_t r, int64_t c, int64_t m) { return load(dy + r * stride + c, m); });
  for (int64_t r = 0; r < n; r++) {
    for (int64_t c = 0; c < columns; c += lanes) {
      const int64_t i = r * stride + c, m = columns - c;
      store(dx + i, fnma(exp_shifted(load(y + i, m)), load(sums + c), load(dy + i, m)), m);
    }
  }
}

}  // namespace

void log_softmax_forward(Context& context, Out y, View x, int64_t axis) {
  const Axis a = axis_of(x, axis);
  const bool past = past_cache(y);
  by_float(x.dtype, [&]<class T>() {
    if (a.inner == 1) {
      each_row(context, a.outer, a.n,
               [&](int64_t o) { forward_row(past, as<T>(y) + o * a.n, as<T>(x) + o * a.n, a.n); });
    } else {
      each_column_block(context, a, [&](int64_t o, int64_t c, int64_t columns) {
        const int64_t at = o * a.n * a.inner + c;
        forward_columns(as<T>(y) + at, as<T>(x) + at, a.n, columns, a.inner);
      });
    }
  });
}

void log_softmax_backward(Context& context, Out dx, View dy, View y, int64_t axis) {
  const Axis a = axis_of(y, axis);
  const bool past = past_cache(dx);
  by_float(y.dtype, [&]<class T>() {
    T* out = as<T>(dx);
    const T *gradient = as<T>(dy), *saved = as<T>(y);
    if (a.inner == 1) {
      each_row(context, a.outer, a.n,
               [&](int64_t o) { backward_row(past, out + o * a.n, gradient + o * a.n, saved + o * a.n, a.n); });
    } else {
      each_column_block(context, a, [&](int64_t o, int64_t c, int64_t columns) {
        const int64_t at = o * a.n * a.inner + c;
        backward_columns(out + at, gradient + at, saved + at, a.n, columns, a.inner);
      });
    }
  });
}

}  // namespace ettin::ETTIN_LEVEL
