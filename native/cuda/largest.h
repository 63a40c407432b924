// The largest of many scores, in order. A candidate is one number: its score's bits, ordered, above its inverted index,
// so that "comes first" is "is greater": of equal scores the lower index. No two are equal, and which are the largest
// does not depend on the order in which they are looked at.
#pragma once

#include "votes.h"

namespace ettin::ETTIN_LEVEL {

constexpr int64_t sorted_in_shared = 4096;  // candidates that are sorted in shared memory
constexpr int most_sorting = 1024, digit_bits = 8, digits = 1 << digit_bits;

using Candidate = unsigned long long;  // 0: none

// A NaN counts as the largest, -0 equals 0.
__device__ __forceinline__ Candidate candidate(float x, int64_t index) {
  const uint32_t bits = __float_as_uint(x + 0.0f);  // -0 becomes 0
  const uint32_t key = x != x ? 0xffffffffu : bits >> 31 ? ~bits : bits | 0x80000000u;
  return Candidate{key} << 32 | (0xffffffffu - static_cast<uint32_t>(index));
}
__device__ __forceinline__ int32_t index_of(Candidate c) {
  return static_cast<int32_t>(0xffffffffu - static_cast<uint32_t>(c));
}
__device__ __forceinline__ float score_of(Candidate c) {
  const auto key = static_cast<uint32_t>(c >> 32);
  return __uint_as_float(key >> 31 ? key & 0x7fffffffu : ~key);
}

// Descending; m is a power of two. By the whole block, in shared or in global memory.
inline __device__ void sort(Candidate* list, int64_t m) {
  for (int64_t size = 2; size <= m; size *= 2) {
    for (int64_t stride = size / 2; stride > 0; stride /= 2) {
      __syncthreads();
      for (int64_t t = threadIdx.x; t < m / 2; t += blockDim.x) {
        const int64_t i = 2 * t - (t & (stride - 1)), j = i + stride;
        const Candidate a = list[i], b = list[j];
        if ((a < b) == ((i & size) == 0)) {
          list[i] = b;
          list[j] = a;
        }
      }
    }
  }
  __syncthreads();
}

// The k-th largest of the candidates that `at(i)` gives for i in [0, n), or a number between it and the next smaller
// one. By the whole block.
template <class At>
__device__ Candidate threshold(const At& at, int64_t n, int64_t k) {
  __shared__ int count[digits];
  __shared__ Candidate prefix;
  __shared__ int64_t need;
  __shared__ bool found;
  const int lane = static_cast<int>(threadIdx.x) % warp;
  if (threadIdx.x == 0) {
    prefix = 0;
    need = k;
    found = k == n;
  }
  __syncthreads();
  for (int shift = 64 - digit_bits; shift >= 0 && !found; shift -= digit_bits) {
    for (int d = static_cast<int>(threadIdx.x); d < digits; d += static_cast<int>(blockDim.x)) count[d] = 0;
    __syncthreads();
    const Candidate above = shift == 64 - digit_bits ? 0 : ~Candidate{0} << (shift + digit_bits);
    for (int64_t begin = threadIdx.x - lane; begin < n; begin += blockDim.x) {
      const int64_t i = begin + lane;
      const Candidate c = i < n ? at(i) : 0;
      const bool there = i < n && ((c ^ prefix) & above) == 0;
      if (!__any_sync(all_lanes, there)) continue;
      const auto digit = static_cast<unsigned>(c >> shift) & (digits - 1);
      const unsigned same = lanes_with<digit_bits>(digit, there);
      if (there && (same & ((1u << lane) - 1)) == 0) atomicAdd(&count[digit], __popc(same));
    }
    __syncthreads();
    if (threadIdx.x < warp) {  // 8 digits to a lane: how many candidates lie in larger ones
      constexpr int own = digits / warp;
      int all = 0;
#pragma unroll
      for (int d = 0; d < own; d++) all += count[lane * own + d];
      int from_here = all;
#pragma unroll
      for (int distance = 1; distance < warp; distance *= 2) {
        const int higher = __shfl_down_sync(all_lanes, from_here, static_cast<unsigned>(distance));
        if (lane + distance < warp) from_here += higher;
      }
      const int64_t wanted = need;
      int64_t larger = from_here - all;
      __syncwarp();
      for (int d = own - 1; d >= 0; d--) {
        const int here = count[lane * own + d];
        if (larger < wanted && larger + here >= wanted) {  // one lane, one digit
          prefix |= static_cast<Candidate>(lane * own + d) << shift;
          need = wanted - larger;
          found = wanted - larger == here;  // all that begin so
        }
        larger += here;
      }
    }
    __syncthreads();
  }
  return prefix;
}

}  // namespace ettin::ETTIN_LEVEL
