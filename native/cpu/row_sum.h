// Sums along contiguous memory in one fixed order: four vectors of lanes side by side, folded every 4096
// elements into a compensated total, and at last the lanes in a tree. The order depends on n alone, so a
// row has the same bits in any batch, and the error does not grow with n.
#pragma once

#include "simd.h"

namespace ettin::ETTIN_LEVEL {

// A sum that keeps what each addition rounded away (Neumaier's form of Kahan's summation).
struct Compensated {
  vf sum = zero();
  vf lost = zero();

  void add(vf x) {
    const vf next = ETTIN_LEVEL::add(sum, x);
    const vf took = sub(next, sum);
    lost = ETTIN_LEVEL::add(lost, ETTIN_LEVEL::add(sub(sum, sub(next, took)), sub(x, took)));
    sum = next;
  }
  // An infinite sum makes `lost` NaN: it is infinity all the same.
  vf value() const { return select(is_nan(lost), sum, ETTIN_LEVEL::add(sum, lost)); }
};

constexpr int64_t sum_chunk = 4096;

// K sums over [0, n) at once. step(acc, i, m) adds the m <= lanes elements from i on to acc[0 … K-1]; it may
// also store. Lanes from m on are dropped here.
template <int K, class Step>
inline void row_sums(float* sums, int64_t n, const Step& step) {
  Compensated total[K];
  for (int64_t begin = 0; begin < n; begin += sum_chunk) {
    const int64_t end = min(n, begin + sum_chunk);
    vf acc[4][K];
    for (int a = 0; a < 4; a++) {
      for (int k = 0; k < K; k++) acc[a][k] = zero();
    }
    int64_t i = begin;
    for (; i + 4 * lanes <= end; i += 4 * lanes) {
      step(acc[0], i, lanes);
      step(acc[1], i + lanes, lanes);
      step(acc[2], i + 2 * lanes, lanes);
      step(acc[3], i + 3 * lanes, lanes);
    }
    for (; i + lanes <= end; i += lanes) step(acc[0], i, lanes);
    if (i < end) {
      vf tail[K];
      for (int k = 0; k < K; k++) tail[k] = acc[1][k];
      step(tail, i, end - i);
      for (int k = 0; k < K; k++) acc[1][k] = select(part(end - i), tail[k], acc[1][k]);
    }
    for (int k = 0; k < K; k++) total[k].add(add(add(acc[0][k], acc[1][k]), add(acc[2][k], acc[3][k])));
  }
  for (int k = 0; k < K; k++) sums[k] = reduce_add(total[k].value());
}

template <class Step>
inline float row_sum(int64_t n, const Step& step) {
  float sum;
  row_sums<1>(&sum, n, [&](vf* acc, int64_t i, int64_t m) { acc[0] = step(acc[0], i, m); });
  return sum;
}

template <class T>
inline float row_sum(const T* x, int64_t n) {
  return row_sum(n, [&](vf acc, int64_t i, int64_t m) { return add(acc, load(x + i, m)); });
}

// y[i] = value(i, m) for each vector of [0, n); m < lanes only in the last. Full vectors come in pairs, two
// pairs at a time, so that their latencies overlap.
template <class T, class Value>
inline void store_row(T* y, int64_t n, const Value& value) {
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    store_pair(y + i, value(i, lanes), value(i + lanes, lanes));
    store_pair(y + i + 2 * lanes, value(i + 2 * lanes, lanes), value(i + 3 * lanes, lanes));
  }
  for (; i + lanes <= n; i += lanes) store(y + i, value(i, lanes));
  if (i < n) store(y + i, value(i, n - i), n - i);
}

// The sum of a row that is read again: `wide` becomes the row as float32, itself or a copy in `room` (whole
// vectors), so that bfloat16 is widened once.
inline float row_sum_widened(const float*& wide, const float* x, int64_t n, float*) {
  wide = x;
  return row_sum(x, n);
}
inline float row_sum_widened(const float*& wide, const bf16* x, int64_t n, float* room) {
  wide = room;
  return row_sum(n, [&](vf acc, int64_t i, int64_t m) {
    const vf v = load(x + i, m);
    store(room + i, v);
    return add(acc, v);
  });
}

// Rows of n elements that make a task worth handing to a thread.
inline int64_t rows_per_task(int64_t n) { return max(int64_t{1}, 32768 / max(n, int64_t{1})); }

}  // namespace ettin::ETTIN_LEVEL
