/*
put_along: adds elements to where their numbers say, row by row.

  forward    y = 0;  y[n, indices[n,j]] += x[n,j], in the order of j
  backward   take_along of dy

  x, indices [N,K]   y [N,C]   sums are float32 and rounded once

A block takes a row, up to 1024 indices at a time: who holds the first of an index adds all that are the same. Where a
row has more, sums go on from tile to tile, in float32.
*/
#include "along.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int most_threads = 1024;

template <class Y, class T>
__global__ void __launch_bounds__(most_threads)
    put(Y* y, const T* x, const int32_t* indices, int64_t K, int64_t C, Fault outside) {
  __shared__ int index[most_threads];
  __shared__ float value[most_threads];
  const int64_t n = blockIdx.x;
  const int mine = static_cast<int>(threadIdx.x);
  for (int64_t begin = 0; begin < K; begin += blockDim.x) {
    const int count = static_cast<int>(min(K - begin, int64_t{blockDim.x}));
    if (mine < count) {
      index[mine] = checked_along(indices, n, begin + mine, K, C, outside);
      value[mine] = to_float(x[n * K + begin + mine]);
    }
    __syncthreads();
    bool first = mine < count && C > 0;
    for (int i = 0; i < mine && first; i++) first = index[i] != index[mine];
    if (first) {
      Y* const out = y + n * C + index[mine];
      float sum = to_float(*out);  // zero, or the sum of the tiles before
      for (int i = mine; i < count; i++) {
        if (index[i] == index[mine]) sum += value[i];
      }
      store(out, sum);
    }
    __syncthreads();
  }
}

template <class T>
__global__ void round_sums(T* y, const float* sums, int64_t n) {
  const int64_t i = thread_of_grid();
  if (i < n) store(y + i, sums[i]);
}

}  // namespace

void put_along(Context& context, Out y, View x, View indices) {
  const int64_t N = rows(y), K = last(indices), C = last(y);
  const Fault outside = outside_row(context);
  const dim3 grid = blocks_for(N, 1), block(static_cast<unsigned>(min(round_up(K, warp), int64_t{most_threads})));
  const auto* index = as<int32_t>(indices);
  zero(context, y);
  if (K == 0) return;
  by_float(y.dtype, [&]<class T>() {
    if (sizeof(T) == 4 || K <= most_threads) {
      launch(context, put<T, T>, grid, block, 0, as<T>(y), as<T>(x), index, K, C, outside);
      return;
    }
    auto* sums = static_cast<float*>(scratch(context, N * C * 4));
    check(cudaMemsetAsync(sums, 0, static_cast<size_t>(N * C * 4), stream_of(context)), "fill with zeros");
    launch(context, put<float, T>, grid, block, 0, sums, as<T>(x), index, K, C, outside);
    launch(context, round_sums<T>, blocks_for(N * C, 256), dim3(256), 0, as<T>(y), sums, N * C);
  });
}

}  // namespace ettin::ETTIN_LEVEL
