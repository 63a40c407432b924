/*
top_k: the k largest of each row of x [N,n], descending; of equals the lower index first.

  values [N,k]   indices [N,k] int32   0 <= k <= n

NaN counts as the largest and -0 equals 0. The gradient puts dy where the indices say (put_along).

A short row is sorted. Of a longer one the k-th candidate is found digit by digit (largest.h), those that are not
smaller are collected in any order, and sorted.
*/
#include "largest.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int64_t short_row = 2048;  // sorted whole

template <class T>
struct RowCandidates {
  const T* x;
  __device__ __forceinline__ Candidate operator()(int64_t i) const { return candidate(to_float(x[i]), i); }
};

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
__global__ void __launch_bounds__(most_sorting)
    sort_rows(T* values, int32_t* indices, const T* x, int64_t n, int64_t m, int64_t k) {
  auto* list = shared_memory<Candidate>();
  const int64_t row = blockIdx.x;
  for (int64_t i = threadIdx.x; i < m; i += blockDim.x) list[i] = i < n ? candidate(to_float(x[row * n + i]), i) : 0;
  sort(list, m);
  write(values + row * k, indices + row * k, x + row * n, list, k);
}

// m: the power of two not below k. `lists` [N, m] where they have no room in shared memory.
template <class T>
__global__ void __launch_bounds__(most_sorting)
    select_rows(T* values, int32_t* indices, const T* x, int64_t n, int64_t m, int64_t k, Candidate* lists) {
  __shared__ int filled;
  const int64_t row = blockIdx.x;
  Candidate* list = lists ? lists + row * m : shared_memory<Candidate>();
  x += row * n;
  if (threadIdx.x == 0) filled = 0;
  for (int64_t i = threadIdx.x; i < m; i += blockDim.x) list[i] = 0;
  const Candidate least = threshold(RowCandidates<T>{x}, n, k);
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
      const int64_t threads = min(max(m / 2, int64_t{warp}), int64_t{most_sorting});
      launch(context, sort_rows<T>, grid, dim3(static_cast<unsigned>(threads)), m * 8, as<T>(values),
             as<int32_t>(indices), as<T>(x), n, m, k);
      return;
    }
    const bool room = m <= sorted_in_shared;
    auto* lists = room ? nullptr : static_cast<Candidate*>(scratch(context, N * m * 8));
    launch(context, select_rows<T>, grid, dim3(most_sorting), room ? m * 8 : 0, as<T>(values), as<int32_t>(indices),
           as<T>(x), n, m, k, lists);
  });
}

}  // namespace ettin::ETTIN_LEVEL
