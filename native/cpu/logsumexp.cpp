/*
logsumexp: over one axis of x [outer, n, inner]; y is [outer, inner].

  forward    y = max + log sum_n e^(x[n] - max)
  backward   dx[n] = dy e^(x[n] - max) / sum_k e^(x[k] - max)

-infinity where n = 0 or where all of a row is; no gradient there. The backward pass forms max and sum again:
e^(x - y) would carry the rounding of a large y.
*/
#include "softmax_row.h"

namespace ettin::ETTIN_LEVEL {

namespace {

float value(float shift, float sum) { return shift == infinity ? infinity : shift + log_of(sum); }

template <class T>
float forward_row(const T* x, int64_t n) {
  const float shift = shift_by(row_largest(x, n));
  return value(shift, row_exponentials(x, n, shift));
}

template <class T>
void backward_row(bool past, T* dx, float dy, const T* x, int64_t n) {
  const float shift = shift_by(row_largest(x, n));
  const float sum = row_exponentials(x, n, shift);
  const vf s = set(shift), scale = set(sum == 0.0f ? 0.0f : dy / sum);
  store_row(past, dx, n, [&](int64_t i, int64_t m) { return mul(exp_shifted(sub(load(x + i, m), s)), scale); });
}

template <class T>
void backward_columns(T* dx, const T* dy, const T* x, int64_t n, int64_t columns, int64_t stride) {
  float shifts[softmax_columns], sums[softmax_columns];
  column_exponentials(shifts, sums, x, n, columns, stride);
  for (int64_t c = 0; c < columns; c++) sums[c] = sums[c] == 0.0f ? 0.0f : to_float(dy[c]) / sums[c];
  for (int64_t r = 0; r < n; r++) {
    for (int64_t c = 0; c < columns; c += lanes) {
      const int64_t i = r * stride + c;
      const vf e = exp_shifted(sub(load(x + i, columns - c), load(shifts + c)));
      store(dx + i, mul(e, load(sums + c)), columns - c);
    }
  }
}

}  // namespace

void logsumexp_forward(Context& context, Out y, View x, int64_t axis) {
  const Axis a = axis_of(x, axis);
  by_float(x.dtype, [&]<class T>() {
    T* out = as<T>(y);
    const T* in = as<T>(x);
    if (a.inner == 1) {
      each_row(context, a.outer, a.n, [&](int64_t o) { store(out + o, forward_row(in + o * a.n, a.n)); });
    } else {
      each_column_block(context, a, [&](int64_t o, int64_t c, int64_t columns) {
        float shifts[softmax_columns], sums[softmax_columns];
        column_exponentials(shifts, sums, in + o * a.n * a.inner + c, a.n, columns, a.inner);
        for (int64_t i = 0; i < columns; i++) store(out + o * a.inner + c + i, value(shifts[i], sums[i]));
      });
    }
  });
}

void logsumexp_backward(Context& context, Out dx, View dy, View x, View, int64_t axis) {
  const Axis a = axis_of(x, axis);
  const bool past = past_cache(dx);
  by_float(x.dtype, [&]<class T>() {
    T* out = as<T>(dx);
    const T *gradient = as<T>(dy), *in = as<T>(x);
    if (a.inner == 1) {
      each_row(context, a.outer, a.n,
               [&](int64_t o) { backward_row(past, out + o * a.n, to_float(gradient[o]), in + o * a.n, a.n); });
    } else {
      each_column_block(context, a, [&](int64_t o, int64_t c, int64_t columns) {
        const int64_t at = o * a.n * a.inner + c;
        backward_columns(out + at, gradient + o * a.inner + c, in + at, a.n, columns, a.inner);
      });
    }
  });
}

}  // namespace ettin::ETTIN_LEVEL
