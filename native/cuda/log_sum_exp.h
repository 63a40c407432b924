// The logarithm of a row's sum of exponentials in one reading, and what losses make of a row of scores. Each thread
// keeps the largest score that it has met and its sum of e^(score - largest); a larger one scales the sum down.
#pragma once

#include "row_walk.h"

namespace ettin::ETTIN_LEVEL {

constexpr float infinity = __builtin_inff();

template <class T>
constexpr bool is_half = sizeof(T) == 2;

// e^x; the fast one, good to some 2^-20, where what becomes of it is rounded to bfloat16 or came from there.
template <bool fast>
__device__ __forceinline__ float exponential(float x) {
  return fast ? __expf(x) : expf(x);
}

struct LogSum {
  float shift;  // the largest score; 0 where all are -infinity
  float rest;   // log of the sum of e^(score - shift)
};

struct KeepNothing {
  template <int N>
  __device__ __forceinline__ void operator()(int, const float (&)[N]) const {}
};

// By all threads of the row. A NaN or an infinity makes `rest` NaN. keep(i, v) sees what was read, as in walk_row.
template <class Threads, bool fast, class T, class Keep = KeepNothing>
__device__ __forceinline__ LogSum log_sum_exp(const T* x, int n, const Keep& keep = {}) {
  float largest = -infinity, shift = 0.0f, sum = 0.0f;
  walk_row(x, n, Threads::first(), Threads::step(), [&]<int P>(int i, const float(&v)[P]) {
    keep(i, v);
    float top = v[0];
#pragma unroll
    for (int k = 1; k < P; k++) top = fmaxf(top, v[k]);
    if (top > largest) {
      sum *= exponential<fast>(largest - top);
      largest = shift = top;
    }
#pragma unroll
    for (int k = 0; k < P; k++) sum += exponential<fast>(v[k] - shift);
  });
  const float highest = Threads::max(largest);
  const float all = highest == -infinity ? 0.0f : highest;
  // A thread without a score above -infinity has 0, or NaN.
  sum = Threads::sum(largest == -infinity ? sum : sum * expf(largest - all));
  return {all, logf(sum)};
}

// Of one row, its threads and its target, which is checked.
__device__ __forceinline__ int64_t checked_target(const Fault& bad, const int32_t* targets, int64_t row, int64_t C,
                                                  bool raise) {
  const int64_t target = targets[row];
  if (target >= 0 && target < C) return target;
  if (raise) bad.raise(target, row, C, C - 1);
  return 0;
}

}  // namespace ettin::ETTIN_LEVEL
