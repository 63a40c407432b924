// What softmax, log-softmax, log-sum-exp and cross-entropy share: scores shifted by their largest, so that
// no exponential overflows and the largest is 1.
#pragma once

#include "column_sum.h"

namespace ettin::ETTIN_LEVEL {

// e^x within 4 ulp for -87 <= x <= 0 (and up to 88), 0 below -88, NaN for NaN. In fewer steps than exp(): the
// sum that rounds x / ln 2 carries the exponent's bias in its constant, so one shift makes 2^n of it, and 0 of
// -88; n ln 2 is rounded once, which costs |x| 2^-24 of the result; the polynomial is a minimax of degree 5.
// K vectors at once, step by step, so that one hides the other's latency.
template <int K>
inline void exp_shifted(vf (&x)[K]) {
  const vf magic = set(12583039.0f);  // 1.5 * 2^23 + 127
  vf biased[K], p[K];
  for (int k = 0; k < K; k++) x[k] = max(set(-88.0f), x[k]);  // a NaN passes
  for (int k = 0; k < K; k++) biased[k] = fma(x[k], set(1.44269504088896341f), magic);
  for (int k = 0; k < K; k++) x[k] = fnma(sub(biased[k], magic), set(0.693147180559945f), x[k]);
  for (int k = 0; k < K; k++) p[k] = fma(set(0.008312501944601536f), x[k], set(0.041890330612659454f));
  for (int k = 0; k < K; k++) p[k] = fma(p[k], x[k], set(0.16667115688323975f));
  for (int k = 0; k < K; k++) p[k] = fma(p[k], x[k], set(0.499992311000824f));
  for (int k = 0; k < K; k++) p[k] = fma(p[k], x[k], set(1.0f));
  for (int k = 0; k < K; k++) p[k] = fma(p[k], x[k], set(1.0f));
  for (int k = 0; k < K; k++) x[k] = mul(p[k], bits_to_float(shift_left<23>(float_to_bits(biased[k]))));
}
inline vf exp_shifted(vf x) {
  vf one[1] = {x};
  exp_shifted(one);
  return one[0];
}

// The natural logarithm of one number: the double's, rounded, so that it is the same wherever it runs.
inline float log_of(float x) { return static_cast<float>(__builtin_log(static_cast<double>(x))); }

constexpr float infinity = __builtin_inff();

// The largest of x [n], -infinity where n = 0. NaN is passed over: the exponentials bring it back. Each vector
// goes through see(i, v, m) on its way.
template <class T, class See>
inline float row_largest(const T* x, int64_t n, const See& see) {
  const vf lowest = set(-infinity);
  vf a = lowest, b = lowest, c = lowest, d = lowest;
  const auto larger = [&](int64_t i, int64_t m, vf best) {
    const vf v = load(x + i, m);
    see(i, v, m);
    return max(m < lanes ? select(part(m), v, lowest) : v, best);
  };
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    a = larger(i, lanes, a);
    b = larger(i + lanes, lanes, b);
    c = larger(i + 2 * lanes, lanes, c);
    d = larger(i + 3 * lanes, lanes, d);
  }
  for (; i + lanes <= n; i += lanes) a = larger(i, lanes, a);
  if (i < n) b = larger(i, n - i, b);
  return reduce_max(max(max(a, b), max(c, d)));
}
template <class T>
inline float row_largest(const T* x, int64_t n) {
  return row_largest(x, n, [](int64_t, vf, int64_t) {});
}

// A row of nothing but -infinity is shifted by 0: its exponentials are 0, not NaN.
inline float shift_by(float largest) { return largest == -infinity ? 0.0f : largest; }

// The sum of e^(x - shift) over a row, in pieces as row_sum's; each goes through keep(i, e, m) on its way.
template <class T, class Keep>
inline float row_exponentials(const T* x, int64_t n, float shift, const Keep& keep) {
  const vf s = set(shift);
  Compensated total;
  vf piece = zero();
  for (int64_t begin = 0; begin < n; begin += sum_chunk) {
    const int64_t end = min(n, begin + sum_chunk);
    vf acc[4] = {zero(), zero(), zero(), zero()};
    int64_t i = begin;
    for (; i + 4 * lanes <= end; i += 4 * lanes) {
      vf e[4];
      for (int k = 0; k < 4; k++) e[k] = sub(load(x + i + k * lanes), s);
      exp_shifted(e);
      for (int k = 0; k < 4; k++) {
        keep(i + k * lanes, e[k], lanes);
        acc[k] = add(acc[k], e[k]);
      }
    }
    for (; i < end; i += lanes) {
      const int64_t m = min<int64_t>(lanes, end - i);
      const vf e = exp_shifted(sub(load(x + i, m), s));
      keep(i, e, m);
      acc[0] = add(acc[0], select(part(m), e, zero()));
    }
    piece = add(add(acc[0], acc[1]), add(acc[2], acc[3]));
    if (n <= sum_chunk) break;
    total.add(piece);
  }
  return reduce_add(n <= sum_chunk ? piece : total.value());
}
template <class T>
inline float row_exponentials(const T* x, int64_t n, float shift) {
  return row_exponentials(x, n, shift, [](int64_t, vf, int64_t) {});
}

// Softmax over an axis that is not the last: 64 neighbouring columns at a time, one per lane.
constexpr int64_t softmax_columns = 64;

// sums[c] = the sum over r in [0, n) of term(r, c, m), for c in [0, columns): 64 rows at a time.
template <class Term>
inline void column_sums(float* sums, int64_t n, int64_t columns, const Term& term) {
  float group[softmax_columns];
  for (int64_t c = 0; c < columns; c += lanes) store(sums + c, zero());
  for (int64_t begin = 0; begin < n; begin += 64) {
    for (int64_t c = 0; c < columns; c += lanes) store(group + c, zero());
    for (int64_t r = begin; r < min(n, begin + 64); r++) {
      for (int64_t c = 0; c < columns; c += lanes) {
        store(group + c, add(load(group + c), term(r, c, columns - c)));
      }
    }
    for (int64_t c = 0; c < columns; c += lanes) store(sums + c, add(load(sums + c), load(group + c)));
  }
}

// For each column of x [n, columns], rows `stride` apart: the shift and the sum of e^(x - shift).
template <class T>
inline void column_exponentials(float* shifts, float* sums, const T* x, int64_t n, int64_t columns, int64_t stride) {
  for (int64_t c = 0; c < columns; c += lanes) {
    vf largest = set(-infinity);
    for (int64_t r = 0; r < n; r++) largest = max(load(x + r * stride + c, columns - c), largest);
    store(shifts + c, select(equal(largest, set(-infinity)), zero(), largest));
  }
  column_sums(sums, n, columns, [&](int64_t r, int64_t c, int64_t m) {
    return exp_shifted(sub(load(x + r * stride + c, m), load(shifts + c)));
  });
}

// body(o, c, columns) for each block of columns of [outer, n, inner].
template <class Body>
void each_column_block(Context& context, const Axis& a, const Body& body) {
  const int64_t blocks = ceil_div(a.inner, softmax_columns);
  parallel_for(context, a.outer * blocks, [&](int64_t task, int) {
    const int64_t c = task % blocks * softmax_columns;
    body(task / blocks, c, min(softmax_columns, a.inner - c));
  });
}

// body(o) for each row of [outer, n]; it may write past the caches.
template <class Body>
void each_row(Context& context, int64_t outer, int64_t n, const Body& body) {
  parallel_chunks(context, outer, rows_per_task(n), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; o++) body(o);
    stream_end();
  });
}

}  // namespace ettin::ETTIN_LEVEL
