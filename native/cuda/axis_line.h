// A line of [outer, n, inner] is what an axis kernel works on: the n elements of one (outer, inner). A short row is a
// warp's, a long one a block's; where lines lie side by side, 32 of them are a block's, and 8 threads share each.
#pragma once

#include "level.h"

namespace ettin::ETTIN_LEVEL {

constexpr float infinity = __builtin_inff();

enum class Lines { warps, blocks, columns };

constexpr int line_threads = 256, column_groups = line_threads / warp;
constexpr int64_t warp_line = 1024;  // up to here a row is a warp's

// The largest so far, and where: a NaN counts as the largest, of equals the first wins.
struct Best {
  float value;
  int64_t at;  // -1: none yet

  __device__ __forceinline__ void see(float v, int64_t i) {
    if (i >= 0 &&
        (at < 0 || v > value || (v != v && value == value) || ((v == value || (v != v && value != value)) && i < at))) {
      value = v;
      at = i;
    }
  }
};

// This thread's share of its line: elements first, first + step, … below n, element k at base + k * stride. Every
// thread of the block calls what is below, also those without a line, whose n is 0.
template <Lines lines>
struct Line {
  int64_t number, base, stride, first, step, n;
  bool leads;  // whether this thread writes what the line has one of

  __device__ __forceinline__ explicit Line(const Axis& a) {
    const auto thread = static_cast<int64_t>(threadIdx.x), block = static_cast<int64_t>(blockIdx.x);
    bool there = true;
    if constexpr (lines == Lines::columns) {
      const int64_t blocks = ceil_div(a.inner, warp), o = block / blocks, i = block % blocks * warp + thread % warp;
      there = i < a.inner;
      number = o * a.inner + i;
      base = o * a.n * a.inner + i;
      stride = a.inner;
      first = thread / warp;
      step = column_groups;
    } else {
      number = lines == Lines::warps ? block * column_groups + thread / warp : block;
      there = number < a.outer;
      base = number * a.n;
      stride = 1;
      first = lines == Lines::warps ? thread % warp : thread;
      step = lines == Lines::warps ? warp : line_threads;
    }
    n = there ? a.n : 0;
    leads = there && first == 0;
  }

  __device__ __forceinline__ int64_t at(int64_t k) const { return base + k * stride; }

  // One result for all threads of the line: in one order.
  __device__ __forceinline__ float sum(float x) const {
    if constexpr (lines == Lines::warps) return warp_sum(x);
    if constexpr (lines == Lines::blocks) return block_sum(x);
    return over_groups(x, [](float a, float b) { return a + b; });
  }
  __device__ __forceinline__ float largest(float x) const {  // NaN is passed over
    if constexpr (lines == Lines::warps) return warp_max(x);
    if constexpr (lines == Lines::blocks) return block_max(x);
    return over_groups(x, [](float a, float b) { return fmaxf(a, b); });
  }
  __device__ __forceinline__ Best best(Best x) const {
    const auto better = [](Best a, Best b) {
      a.see(b.value, b.at);
      return a;
    };
    if constexpr (lines == Lines::columns) {
      return over_groups(x, better);
    } else {
#pragma unroll
      for (int d = warp / 2; d > 0; d /= 2)
        x.see(__shfl_xor_sync(all_lanes, x.value, d), __shfl_xor_sync(all_lanes, x.at, d));
      return lines == Lines::warps ? x : over_groups(x, better);
    }
  }

 private:
  // Over the threads of the same lane in all warps.
  template <class T, class Combine>
  __device__ __forceinline__ static T over_groups(T x, const Combine& combine) {
    __shared__ T parts[column_groups][warp];
    const int lane = static_cast<int>(threadIdx.x) % warp;
    __syncthreads();
    parts[threadIdx.x / warp][lane] = x;
    __syncthreads();
    x = parts[0][lane];
#pragma unroll
    for (int g = 1; g < column_groups; g++) x = combine(x, parts[g][lane]);
    return x;
  }
};

// Calls body<lines>(grid) for the way in which lines of this shape are taken.
template <class Body>
void by_lines(const Axis& a, const Body& body) {
  const auto grid = [](int64_t n) { return dim3(static_cast<unsigned>(n)); };
  if (a.outer == 0 || a.inner == 0) return;
  if (a.inner > 1) {
    body.template operator()<Lines::columns>(grid(a.outer * ceil_div(a.inner, warp)));
  } else if (a.n <= warp_line) {
    body.template operator()<Lines::warps>(grid(ceil_div(a.outer, column_groups)));
  } else {
    body.template operator()<Lines::blocks>(grid(a.outer));
  }
}

// A line of nothing but -infinity is shifted by 0: its exponentials are 0, not NaN.
template <class T, Lines lines>
__device__ __forceinline__ float line_shift(const Line<lines>& line, const T* x) {
  float largest = -infinity;
  for (int64_t k = line.first; k < line.n; k += line.step) largest = fmaxf(largest, to_float(x[line.at(k)]));
  largest = line.largest(largest);
  return largest == -infinity ? 0.0f : largest;
}

// The sum of e^(x - shift).
template <class T, Lines lines>
__device__ __forceinline__ float line_exponentials(const Line<lines>& line, const T* x, float shift) {
  float sum = 0.0f;
  for (int64_t k = line.first; k < line.n; k += line.step) sum += expf(to_float(x[line.at(k)]) - shift);
  return line.sum(sum);
}

}  // namespace ettin::ETTIN_LEVEL
