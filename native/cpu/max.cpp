/*
max: over one axis of x [outer, n, inner], n >= 1; y and indices are [outer, inner].

  forward    y = max_n x[n], indices = the first n that has it; a NaN counts as the largest
  backward   dx[n] = dy where n = indices, else 0
*/
#include "softmax_row.h"

namespace ettin::ETTIN_LEVEL {

namespace {

// The first index of the largest. One pass for the value, one that stops where it is.
template <class T>
int32_t first_largest(const T* x, int64_t n) {
  const vf lowest = set(-infinity);
  vf a = lowest, b = lowest;
  mask nan_a = less(a, a), nan_b = nan_a;
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const vf u = load(x + i), v = load(x + i + lanes);
    nan_a = either(nan_a, is_nan(u));
    nan_b = either(nan_b, is_nan(v));
    a = max(u, a);
    b = max(v, b);
  }
  for (; i < n; i += lanes) {
    const vf u = select(part(n - i), load(x + i, n - i), lowest);
    nan_a = either(nan_a, is_nan(u));
    a = max(u, a);
  }
  const bool nan = any(either(nan_a, nan_b));
  const vf largest = set(reduce_max(max(a, b)));
  for (i = 0; i < n; i += lanes) {
    const vf u = load(x + i, n - i);
    if (!any(both(part(n - i), nan ? is_nan(u) : equal(u, largest)))) continue;
    while (nan ? to_float(x[i]) == to_float(x[i]) : to_float(x[i]) != reduce_max(largest)) i++;
    return static_cast<int32_t>(i);
  }
  return 0;
}

// The same for columns: a later element wins where it is larger, or the first NaN.
template <class T>
void largest_columns(T* y, int32_t* indices, const T* x, int64_t n, int64_t columns, int64_t stride) {
  for (int64_t c = 0; c < columns; c += lanes) {
    const int64_t m = columns - c;
    vf best = load(x + c, m);
    vi at = set_int(0);
    for (int64_t r = 1; r < n; r++) {
      const vf v = load(x + r * stride + c, m);
      const mask wins = either(less(best, v), both(is_nan(v), equal(best, best)));
      best = select(wins, v, best);
      at = select(wins, set_int(static_cast<int32_t>(r)), at);
    }
    store(y + c, best, m);
    int32_t lane[lanes];
    store(lane, at);
    for (int64_t i = 0; i < min(m, int64_t{lanes}); i++) indices[c + i] = lane[i];
  }
}

}  // namespace

void max_forward(Context& context, Out y, Out indices, View x, int64_t axis) {
  const Axis a = axis_of(x, axis);
  auto* index = as<int32_t>(indices);
  by_float(x.dtype, [&]<class T>() {
    T* out = as<T>(y);
    const T* in = as<T>(x);
    if (a.inner == 1) {
      each_row(context, a.outer, a.n, [&](int64_t o) {
        index[o] = first_largest(in + o * a.n, a.n);
        out[o] = in[o * a.n + index[o]];
      });
    } else {
      each_column_block(context, a, [&](int64_t o, int64_t c, int64_t columns) {
        const int64_t at = o * a.inner + c;
        largest_columns(out + at, index + at, in + o * a.n * a.inner + c, a.n, columns, a.inner);
      });
    }
  });
}

void max_backward(Context& context, Out dx, View dy, View indices, int64_t axis) {
  const Axis a = axis_of(dx, axis);
  const auto* index = as<int32_t>(indices);
  by_float(dx.dtype, [&]<class T>() {
    each_row(context, a.outer, a.n * a.inner, [&](int64_t o) {
      T* out = as<T>(dx) + o * a.n * a.inner;
      __builtin_memset(static_cast<void*>(out), 0, static_cast<size_t>(a.n * a.inner) * sizeof(T));
      for (int64_t i = 0; i < a.inner; i++) {
        out[int64_t{index[o * a.inner + i]} * a.inner + i] = as<T>(dy)[o * a.inner + i];
      }
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
