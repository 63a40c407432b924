/*
softmax: over one axis of x [outer, n, inner].

  forward    y[n] = e^(x[n] - max) / sum_k e^(x[k] - max)
  backward   dx[n] = y[n] (dy[n] - sum_k dy[k] y[k])

A row of nothing but -infinity gives zeros (the formula says 0 / 0): a query that may see no key takes
nothing. A bfloat16 row is widened once, and its exponentials stay float32 until the result is rounded.
*/
#include "softmax_row.h"

namespace ettin::ETTIN_LEVEL {

namespace {

float inverse(float sum) { return sum == 0.0f ? 0.0f : 1.0f / sum; }

// `wide` has room for whole vectors.
void forward_row(bool past, float* y, const float* x, int64_t n, float* wide) {
  const float sum =
      row_exponentials(x, n, shift_by(row_largest(x, n)), [&](int64_t i, vf e, int64_t) { store(wide + i, e); });
  const vf scale = set(inverse(sum));
  store_row(past, y, n, [&](int64_t i, int64_t) { return mul(load(wide + i), scale); });
}

void forward_row(bool past, bf16* y, const bf16* x, int64_t n, float* wide) {
  const float largest = row_largest(x, n, [&](int64_t i, vf v, int64_t) { store(wide + i, v); });
  const float sum = row_exponentials(wide, n, shift_by(largest), [&](int64_t i, vf e, int64_t) { store(wide + i, e); });
  const vf scale = set(inverse(sum));
  store_row(past, y, n, [&](int64_t i, int64_t) { return mul(load(wide + i), scale); });
}

template <class T>
void forward_columns(T* y, const T* x, int64_t n, int64_t columns, int64_t stride) {
  float shifts[softmax_columns], sums[softmax_columns];
  column_exponentials(shifts, sums, x, n, columns, stride);
  for (int64_t c = 0; c < columns; c += lanes) {
    const vf sum = load(sums + c);
    store(sums + c, select(equal(sum, zero()), zero(), div(set(1.0f), sum)));
  }
  for (int64_t r = 0; r < n; r++) {
    for (int64_t c = 0; c < columns; c += lanes) {
      const vf e = exp_shifted(sub(load(x + r * stride + c, columns - c), load(shifts + c)));
      store(y + r * stride + c, mul(e, load(sums + c)), columns - c);
    }
  }
}

template <class T>
void backward_row(bool past, T* dx, const T* dy, const T* y, int64_t n) {
  const vf dot =
      set(row_sum(n, [&](vf acc, int64_t i, int64_t m) { return fma(load(dy + i, m), load(y + i, m), acc); }));
  store_row(past, dx, n, [&](int64_t i, int64_t m) { return mul(load(y + i, m), sub(load(dy + i, m), dot)); });
}

template <class T>
void backward_columns(T* dx, const T* dy, const T* y, int64_t n, int64_t columns, int64_t stride) {
  float dots[softmax_columns];
  column_sums(dots, n, columns, [&](int64_t r, int64_t c, int64_t m) {
    return mul(load(dy + r * stride + c, m), load(y + r * stride + c, m));
  });
  for (int64_t r = 0; r < n; r++) {
    for (int64_t c = 0; c < columns; c += lanes) {
      const int64_t i = r * stride + c, m = columns - c;
      store(dx + i, mul(load(y + i, m), sub(load(dy + i, m), load(dots + c))), m);
    }
  }
}

}  // namespace

void softmax_forward(Context& context, Out y, View x, int64_t axis) {
  const Axis a = axis_of(x, axis);
  const bool past = past_cache(y);
  by_float(x.dtype, [&]<class T>() {
    T* out = as<T>(y);
    const T* in = as<T>(x);
    if (a.inner == 1) {
      const int64_t room = round_up(a.n, 16);
      float* wide = static_cast<float*>(scratch(context, workers(context) * room * 4));
      const int64_t grain = rows_per_task(a.n);
      parallel_for(context, ceil_div(a.outer, grain), [&](int64_t task, int worker) {
        for (int64_t o = task * grain; o < min(a.outer, (task + 1) * grain); o++) {
          forward_row(past, out + o * a.n, in + o * a.n, a.n, wide + worker * room);
        }
        stream_end();
      });
    } else {
      each_column_block(context, a, [&](int64_t o, int64_t c, int64_t columns) {
        const int64_t at = o * a.n * a.inner + c;
        forward_columns(out + at, in + at, a.n, columns, a.inner);
      });
    }
  });
}

void softmax_backward(Context& context, Out dx, View dy, View y, int64_t axis) {
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
