// Sums along contiguous memory in one fixed order: four vectors of lanes side by side, folded every 4096
// elements into a compensated total, and at last the lanes in a tree. The order depends on n alone, so a
// row has the same bits in any batch, and the error does not grow with n.
#pragma once

#include "past_cache.h"

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

// K sums over [begin, end) at once, one vector each, in U accumulators. step(acc, i, m) adds the m <= lanes
// elements from i on to acc[0 … K-1]; it may also store. Lanes from m on are dropped here.
template <int K, int U, class Step>
inline void piece_sums(vf* sums, int64_t begin, int64_t end, const Step& step) {
  vf acc[U][K];
  for (int u = 0; u < U; u++) {
    for (int k = 0; k < K; k++) acc[u][k] = zero();
  }
  int64_t i = begin;
  for (; i + U * lanes <= end; i += U * lanes) {
    for (int u = 0; u < U; u++) step(acc[u], i + u * lanes, lanes);
  }
  for (; i + lanes <= end; i += lanes) step(acc[0], i, lanes);
  if (i < end) {
    vf tail[K];
    for (int k = 0; k < K; k++) tail[k] = acc[1][k];
    step(tail, i, end - i);
    for (int k = 0; k < K; k++) acc[1][k] = select(part(end - i), tail[k], acc[1][k]);
  }
  for (int k = 0; k < K; k++) {
    sums[k] = add(acc[0][k], acc[1][k]);
    if constexpr (U == 4) sums[k] = add(sums[k], add(acc[2][k], acc[3][k]));
  }
}

// The same over [0, n), of the lanes too. U is 4, or 2 where registers are short.
template <int K, int U = 4, class Step>
inline void row_sums(float* sums, int64_t n, const Step& step) {
  const bool short_row = n <= sum_chunk;
  Compensated total[K];
  vf piece[K];
  for (int k = 0; k < K; k++) piece[k] = zero();
  for (int64_t begin = 0; begin < n; begin += sum_chunk) {
    piece_sums<K, U>(piece, begin, min(n, begin + sum_chunk), step);
    if (short_row) break;
    for (int k = 0; k < K; k++) total[k].add(piece[k]);
  }
  for (int k = 0; k < K; k++) sums[k] = reduce_add(short_row ? piece[k] : total[k].value());
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

// Rows of n elements that make a task worth handing to a thread.
inline int64_t rows_per_task(int64_t n) { return max(int64_t{1}, 32768 / max(n, int64_t{1})); }

}  // namespace ettin::ETTIN_LEVEL
