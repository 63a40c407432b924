// What segment_mean and segment_weighted_mean share: row r of a sequence of n weighs 1, or r + 1, and the sum is
// divided by that of the weights. A sequence's sums have an order that its own length decides: its mean has the same
// bits in any batch.
#pragma once

#include "segments.h"

namespace ettin::ETTIN_LEVEL {

template <bool weighted>
__device__ __forceinline__ float total_weight(int64_t n) {
  if (n == 0) return 1.0f;
  return weighted ? static_cast<float>(n) * static_cast<float>(n + 1) / 2.0f : static_cast<float>(n);
}

template <class T, int N, bool weighted>
__global__ void __launch_bounds__(segment_threads) average(T* y, const T* x, Segments s, int64_t C) {
  __shared__ float parts[segment_groups][N * warp];
  s.check();
  const int lane = static_cast<int>(threadIdx.x) % warp, group = static_cast<int>(threadIdx.x) / warp;
  const int64_t blocks = ceil_div(C, N * warp), b = int64_t{blockIdx.x} / max(blocks, int64_t{1});
  if (b >= s.count || C == 0) return;  // the whole block
  const int64_t first = int64_t{blockIdx.x} % blocks * N * warp, c = first + lane * N;
  const Rows rows = s.rows(b);
  float sum[N] = {};
  if (c < C) {
#pragma unroll 4
    for (int64_t t = rows.begin + group; t < rows.end; t += segment_groups) {
      float v[N];
      read_values(v, x + t * C + c);
      const float weight = weighted ? static_cast<float>(t - rows.begin + 1) : 1.0f;
#pragma unroll
      for (int j = 0; j < N; j++) sum[j] = weighted ? fmaf(weight, v[j], sum[j]) : sum[j] + v[j];
    }
  }
#pragma unroll
  for (int j = 0; j < N; j++) parts[group][j * warp + lane] = sum[j];
  __syncthreads();
  const float total = total_weight<weighted>(rows.end - rows.begin);
  for (int k = static_cast<int>(threadIdx.x); k < N * warp; k += segment_threads) {
    const int64_t column = first + k % warp * N + k / warp;
    if (column >= C) continue;
    float all = parts[0][k];
#pragma unroll
    for (int g = 1; g < segment_groups; g++) all += parts[g][k];
    store(y + b * C + column, all / total);
  }
}

// dx by rows: each finds its sequence.
template <class T, int N, bool weighted>
__global__ void __launch_bounds__(row_threads) spread(T* dx, const T* dy, Segments s, int64_t C, int lanes) {
  s.check();
  const int64_t t = thread_of_grid() / lanes;
  if (t >= s.T) return;
  const int64_t b = s.of_row(t);
  const Rows rows = b < 0 ? Rows{0, 0, 0} : s.rows(b);
  const bool pooled = t >= rows.begin && t < rows.end;
  const float total = total_weight<weighted>(rows.end - rows.begin);
  const float share = static_cast<float>(t - rows.begin + 1) / total;
  for (int64_t c = threadIdx.x % lanes * N; c < C; c += lanes * N) {
    float v[N] = {};
    if (pooled) {
      read_values(v, dy + b * C + c);
#pragma unroll
      for (int j = 0; j < N; j++) v[j] = weighted ? share * v[j] : v[j] / total;
    }
    write_values(dx + t * C + c, v);
  }
}

template <bool weighted>
void average_segments(Context& context, const View& y, const View& x, const View& offsets, const Optional& starts) {
  const int64_t C = x.shape[1];
  const Segments s = segments_of(context, offsets, starts, x.shape[0]);
  by_float(x.dtype, [&]<class T>() {
    const auto run = [&]<int N>() {
      launch(context, average<T, N, weighted>, segment_grid(s, C, N * warp), dim3(segment_threads), 0, as<T>(y),
             as<T>(x), s, C);
    };
    if (packs(as<T>(x), C)) {
      run.template operator()<4>();  // half a pack of bfloat16: more blocks
    } else {
      run.template operator()<1>();
    }
  });
}

template <bool weighted>
void spread_segments(Context& context, const View& dx, const View& dy, const View& offsets, const Optional& starts) {
  const int64_t C = dx.shape[1];
  const Segments s = segments_of(context, offsets, starts, dx.shape[0]);
  by_float(dx.dtype, [&]<class T>() {
    const auto run = [&]<int N>() {
      const int lanes = row_lanes(C / N);
      launch(context, spread<T, N, weighted>, row_blocks(max(s.T, int64_t{1}), lanes), dim3(row_threads), 0, as<T>(dx),
             as<T>(dy), s, C, lanes);
    };
    constexpr int N = Pack<T>::size;
    if (aligned(as<T>(dx), as<T>(dy)) && C % N == 0) {
      run.template operator()<N>();
    } else {
      run.template operator()<1>();
    }
  });
}

}  // namespace ettin::ETTIN_LEVEL
