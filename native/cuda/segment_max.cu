/*
segment_max: the largest of each channel over the rows of a sequence.

  forward    y[b,c] = max_{t in b} x[t,c], rows[b,c] = the first t that has it
  backward   dx[rows[b,c], c] = dy[b,c], all else 0

  x, dx [T,C]   y, dy [B,C]   rows [B,C] int32   offsets [B+1], starts [B] int32

A sequence with nothing to pool gives zeros, rows -1 and no gradient. A NaN counts as the largest.
*/
#include "axis_line.h"
#include "segments.h"

namespace ettin::ETTIN_LEVEL {

namespace {

template <class T>
__global__ void __launch_bounds__(segment_threads) forward(T* y, int32_t* at, const T* x, Segments s, int64_t C) {
  __shared__ Best parts[segment_groups][warp];
  s.check();
  const int lane = static_cast<int>(threadIdx.x) % warp, group = static_cast<int>(threadIdx.x) / warp;
  const int64_t blocks = ceil_div(C, warp), b = int64_t{blockIdx.x} / max(blocks, int64_t{1});
  if (b >= s.count || C == 0) return;  // the whole block
  const int64_t c = int64_t{blockIdx.x} % blocks * warp + lane;
  const Rows rows = s.rows(b);
  Best best{0.0f, -1};
  if (c < C) {
#pragma unroll 4
    for (int64_t t = rows.begin + group; t < rows.end; t += segment_groups) best.see(to_float(x[t * C + c]), t);
  }
  parts[group][lane] = best;
  __syncthreads();
  if (group > 0 || c >= C) return;
#pragma unroll
  for (int g = 1; g < segment_groups; g++) best.see(parts[g][lane].value, parts[g][lane].at);
  at[b * C + c] = static_cast<int32_t>(best.at);
  store(y + b * C + c, best.value);
}

// dx is zero.
template <class T>
__global__ void put(T* dx, const T* dy, const int32_t* rows, int64_t B, int64_t C, int64_t rows_of_dx) {
  const int64_t i = thread_of_grid();
  if (i >= B * C) return;
  const int64_t t = rows[i];
  if (t >= 0 && t < rows_of_dx) dx[t * C + i % C] = dy[i];
}

}  // namespace

void segment_max_forward(Context& context, Out y, Out rows, View x, View offsets, Optional starts) {
  const int64_t C = x.shape[1];
  const Segments s = segments_of(context, offsets, starts, x.shape[0]);
  by_float(x.dtype, [&]<class T>() {
    launch(context, forward<T>, segment_grid(s, C, warp), dim3(segment_threads), 0, as<T>(y), as<int32_t>(rows),
           as<T>(x), s, C);
  });
}

void segment_max_backward(Context& context, Out dx, View dy, View rows) {
  const int64_t B = dy.shape[0], C = dy.shape[1];
  zero(context, dx);
  by_float(dx.dtype, [&]<class T>() {
    launch(context, put<T>, blocks_for(B * C, 256), dim3(256), 0, as<T>(dx), as<T>(dy), as<int32_t>(rows), B, C,
           dx.shape[0]);
  });
}

}  // namespace ettin::ETTIN_LEVEL
