/*
top_k: the k largest of each row of x [N,n], descending; of equals the lower index first.

  values [N,k]   indices [N,k] int32   0 <= k <= n

NaN counts as the largest and -0 equals 0. The gradient puts dy where the indices say (put_along).

A candidate is one number: its score's bits, ordered, above its inverted index, so that "comes first" is "is greater"
and no two are equal. A short row is sorted. Of a longer one the k-th candidate is found digit by digit, those that are
not smaller are collected in any order, and sorted.
*/
#include "level.h"
#include "votes.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int64_t short_row = 2048;    // sorted whole
constexpr int64_t shared_most = 4096;  // candidates that are sorted in shared memory
constexpr int most_threads = 1024, digit_bits = 8, digits = 1 << digit_bits;

using Candidate = unsigned long long;  // 0: none

__device__ __forceinline__ Candidate candidate(float x, int64_t index) {
  const uint32_t bits = __float_as_uint(x + 0.0f);  // -0 becomes 0
  const uint32_t key = x != x ? 0xffffffffu : bits >> 31 ? ~bits : bits | 0x80000000u;
  return Candidate{key} << 32 | (0xffffffffu - static_cast<uint32_t>(index));
}

// Descending; m is a power of two. By the whole block, in shared or in global memory.
__device__ void sort(Candidate* list, int64_t m) {
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

template <class T>
__device__ void write(T* values, int32_t* indices, const T* x, const Candidate* list, int64_t k) {
  for (int64_t i = threadIdx.x; i < k; i += blockDim.x) {
    const auto index = static_cast<int32_t>(0xffffffffu - static_cast<uint32_t>(list[i]));
    indices[i] = index;
    values[i] = x[index];
  }
}

// m: the power of two not below n.
template <class T>
__global__ void __launch_bounds__(most_threads)
    sort_rows(T* values, int32_t* indices, const T* x, int64_t n, int64_t m, int64_t k) {
  auto* list = shared_memory<Candidate>();
  const int64_t row = blockIdx.x;
  for (int64_t i = threadIdx.x; i < m; i += blockDim.x) list[i] = i < n ? candidate(to_float(x[row * n + i]), i) : 0;
  sort(list, m);
  write(values + row * k, indices + row * k, x + row * n, list, k);
}

// The k-th largest candidate of a row, or a number between it and the next smaller one.
template <class T>
__device__ Candidate threshold(const T* x, int64_t n, int64_t k) {
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
      const Candidate c = i < n ? candidate(to_float(x[i]), i) : 0;
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

// m: the power of two not below k. `lists` [N, m] where they have no room in shared memory.
template <class T>
__global__ void __launch_bounds__(most_threads)
    select_rows(T* values, int32_t* indices, const T* x, int64_t n, int64_t m, int64_t k, Candidate* lists) {
  __shared__ int filled;
  const int64_t row = blockIdx.x;
  Candidate* list = lists ? lists + row * m : shared_memory<Candidate>();
  x += row * n;
  if (threadIdx.x == 0) filled = 0;
  for (int64_t i = threadIdx.x; i < m; i += blockDim.x) list[i] = 0;
  const Candidate least = threshold(x, n, k);
  __syncthreads();
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
    const Candidate c = candidate(to_float(x[i]), i);
    if (c >= least) list[atomicAdd(&filled, 1)] = c;
  }
  sort(list, m);
  write(values + row * k, indices + row * k, x, list, k);
}

}  // namespace

void top_k(Context& context, Out values, Out indices, View x, int64_t k) {
  const int64_t N = rows(x), n = last(x), sorted = n <= short_row ? n : k;
  if (k == 0) return;
  int64_t m = 1;
  while (m < sorted) m *= 2;
  const dim3 grid = blocks_for(N, 1);
  by_float(x.dtype, [&]<class T>() {
    if (n <= short_row) {
      const int64_t threads = min(max(m / 2, int64_t{warp}), int64_t{most_threads});
      launch(context, sort_rows<T>, grid, dim3(static_cast<unsigned>(threads)), m * 8, as<T>(values),
             as<int32_t>(indices), as<T>(x), n, m, k);
      return;
    }
    const bool room = m <= shared_most;
    auto* lists = room ? nullptr : static_cast<Candidate*>(scratch(context, N * m * 8));
    launch(context, select_rows<T>, grid, dim3(most_threads), room ? m * 8 : 0, as<T>(values), as<int32_t>(indices),
           as<T>(x), n, m, k, lists);
  });
}

}  // namespace ettin::ETTIN_LEVEL
