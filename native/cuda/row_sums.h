// y[numbers[i]] += x[i]: sums of rows that share a number. The numbers are sorted; each warp takes a fixed piece of the
// sorted rows and sums those of one number in order. A number whose rows lie in several pieces (a mask token) leaves a
// sum for each, and these are added in a second pass: the order depends on the numbers alone.
#pragma once

#include "row_order.h"

namespace ettin::ETTIN_LEVEL {

constexpr int sum_piece = 32;  // sorted rows to a piece
constexpr int sum_ahead = 4;   // of them on their way from memory at once

template <class Y, class X>
struct RowSums {
  Y* y;
  const X* x;
  const int32_t *order, *sorted;
  float* partials;  // [pieces, 2, C]: of the number that came in from the piece before; of the one that goes on
  int64_t T, C;
  bool accumulate;
};

template <int N, class Y, class X>
__device__ __forceinline__ void write_sum(const RowSums<Y, X>& a, int64_t row, int64_t c, float (&sum)[N]) {
  Y* out = a.y + row * a.C + c;
  if (a.accumulate) {
    float old[N];
    read_values(old, out);
#pragma unroll
    for (int i = 0; i < N; i++) sum[i] += old[i];
  }
  write_values(out, sum);
}

// A thread of the block's blockDim.x takes N columns of one piece.
template <int N, class Y, class X>
__global__ void sum_pieces(RowSums<Y, X> a, int64_t column_blocks) {
  const int64_t piece = int64_t{blockIdx.x} / column_blocks;
  const int64_t c = (int64_t{blockIdx.x} % column_blocks * blockDim.x + threadIdx.x) * N;
  if (c >= a.C) return;
  const int64_t begin = piece * sum_piece, end = min(a.T, begin + sum_piece);
  const int32_t before = begin > 0 ? a.sorted[begin - 1] : -1, after = end < a.T ? a.sorted[end] : -1;
  float sum[N] = {};
  int32_t number = a.sorted[begin];
  bool came_in = number == before;
  const auto finish = [&](bool goes_on) {
    if (came_in || goes_on) {
      write_values(a.partials + (piece * 2 + !came_in) * a.C + c, sum);
    } else {
      write_sum(a, number, c, sum);
    }
  };
  for (int64_t i = begin; i < end; i += sum_ahead) {
    Run<X, N> raw[sum_ahead];
    int32_t numbers[sum_ahead];
#pragma unroll
    for (int k = 0; k < sum_ahead; k++) {
      const int64_t at = min(i + k, end - 1);
      numbers[k] = a.sorted[at];
      raw[k] = load_run<N>(a.x + int64_t{a.order[at]} * a.C + c);
    }
#pragma unroll
    for (int k = 0; k < sum_ahead; k++) {
      if (i + k >= end) break;
      if (numbers[k] != number) {
        finish(false);
        number = numbers[k];
        came_in = false;
#pragma unroll
        for (int j = 0; j < N; j++) sum[j] = 0.0f;
      }
      float v[N];
      widen(v, raw[k]);
#pragma unroll
      for (int j = 0; j < N; j++) sum[j] += v[j];
    }
  }
  finish(number == after);
}

// The block of the piece in which a number begins that goes on adds its pieces' sums: 8 groups take every 8th.
constexpr int join_groups = 8;

template <int N, class Y, class X>
__global__ void __launch_bounds__(warp* join_groups) join_pieces(RowSums<Y, X> a, int64_t column_blocks) {
  const int64_t piece = int64_t{blockIdx.x} / column_blocks, begin = piece * sum_piece, end = begin + sum_piece;
  if (end >= a.T) return;
  const int32_t number = a.sorted[end - 1];
  if (a.sorted[end] != number || (begin > 0 && a.sorted[begin - 1] == number)) return;
  int64_t low = end, high = a.T;  // the first row of another number lies in (low, high]
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    if (a.sorted[middle] == number) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const int64_t last = low / sum_piece;

  __shared__ float parts[join_groups][N * warp];
  const int lane = static_cast<int>(threadIdx.x) % warp, group = static_cast<int>(threadIdx.x) / warp;
  const int64_t c = (int64_t{blockIdx.x} % column_blocks * warp + lane) * N;
  float sum[N] = {};
  if (c < a.C) {
#pragma unroll 4
    for (int64_t p = piece + group; p <= last; p += join_groups) {
      float v[N];
      read_values(v, a.partials + (p * 2 + (p == piece)) * a.C + c);
#pragma unroll
      for (int j = 0; j < N; j++) sum[j] += v[j];
    }
  }
#pragma unroll
  for (int j = 0; j < N; j++) parts[group][j * warp + lane] = sum[j];
  __syncthreads();
  if (group > 0 || c >= a.C) return;
#pragma unroll
  for (int g = 1; g < join_groups; g++) {
#pragma unroll
    for (int j = 0; j < N; j++) sum[j] += parts[g][j * warp + lane];
  }
  write_sum(a, number, c, sum);
}

// Only rows that a number names are written. x [T, C], y [V, C].
template <class Y, class X>
void add_rows(Context& context, Y* y, const X* x, const int32_t* numbers, int64_t T, int64_t V, int64_t C,
              bool accumulate, const Fault& outside) {
  if (T == 0) return;
  const RowOrder sorted = order_rows(context, numbers, T, V, outside);
  if (C == 0 || V == 0) return;
  const int64_t pieces = ceil_div(T, sum_piece);
  auto* partials = static_cast<float*>(scratch(context, pieces * 2 * C * 4));
  const RowSums<Y, X> a{y, x, sorted.order, sorted.sorted, partials, T, C, accumulate};
  const auto run = [&]<int N>() {
    const int64_t threads = min(round_up(ceil_div(C, N), warp), int64_t{256});
    const int64_t blocks = ceil_div(C, N * threads);
    launch(context, sum_pieces<N, Y, X>, blocks_for(pieces * blocks, 1), dim3(static_cast<unsigned>(threads)), 0, a,
           blocks);
    const int64_t joins = ceil_div(C, N * warp);
    if (pieces > 1) {
      launch(context, join_pieces<N, Y, X>, blocks_for(pieces * joins, 1), dim3(warp * join_groups), 0, a, joins);
    }
  };
  constexpr int N = Pack<X>::size < Pack<Y>::size ? Pack<Y>::size : Pack<X>::size;
  if (aligned(y, x) && C % N == 0) {
    run.template operator()<N>();
  } else {
    run.template operator()<1>();
  }
}

}  // namespace ettin::ETTIN_LEVEL
