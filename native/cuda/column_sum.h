// Sums down the columns of [outer, n, inner], in an order that the shape decides: a block takes 32 lanes of columns,
// its groups every R-th row, and the groups' sums are added in order. Long columns are cut into pieces, whose sums are
// summed again.
#pragma once

#include "values.h"

namespace ettin::ETTIN_LEVEL {

// What is summed: elements of x as they lie, `inner` to a row.
template <class X>
struct Elements {
  const X* x;
  int64_t inner;

  template <int N>
  __device__ __forceinline__ void read(float (&v)[N], int64_t row, int64_t c) const {
    read_values(v, x + row * inner + c);
  }
};

// y [outer, pieces, inner]: N neighbouring columns to a lane, R groups of rows.
template <class Y, int N, int R, class Source>
__global__ void __launch_bounds__(warp* R)
    column_pieces(Y* y, Source source, Axis a, int64_t piece, float divisor, bool accumulate) {
  __shared__ float parts[R][N * warp];
  const int lane = static_cast<int>(threadIdx.x) % warp, group = static_cast<int>(threadIdx.x) / warp;
  const int64_t columns = N * warp, blocks = ceil_div(a.inner, columns), pieces = max(ceil_div(a.n, piece), int64_t{1});
  const int64_t first = int64_t{blockIdx.x} % blocks * columns, p = int64_t{blockIdx.x} / blocks % pieces;
  const int64_t o = int64_t{blockIdx.x} / blocks / pieces, c = first + lane * N;
  const int64_t end = min(a.n, (p + 1) * piece);
  float sum[N] = {};
  if (c < a.inner) {
#pragma unroll 4
    for (int64_t r = p * piece + group; r < end; r += R) {
      float v[N];
      source.read(v, o * a.n + r, c);
#pragma unroll
      for (int i = 0; i < N; i++) sum[i] += v[i];
    }
  }
#pragma unroll
  for (int i = 0; i < N; i++) parts[group][i * warp + lane] = sum[i];
  __syncthreads();
  for (int k = static_cast<int>(threadIdx.x); k < N * warp; k += warp * R) {
    const int64_t column = first + k % warp * N + k / warp;
    if (column >= a.inner) continue;
    float total = parts[0][k];
#pragma unroll
    for (int r = 1; r < R; r++) total += parts[r][k];
    total /= divisor;
    Y* out = y + (o * pieces + p) * a.inner + column;
    store(out, accumulate ? to_float(*out) + total : total);
  }
}

constexpr int64_t column_piece = 512;     // rows to a block
constexpr int64_t partials_piece = 4096;  // of partial sums, whose blocks have more threads

template <class Y, int N, int R, class Source>
void launch_columns(Context& context, Y* y, const Source& source, Axis a, int64_t piece, float divisor,
                    bool accumulate) {
  const int64_t pieces = max(ceil_div(a.n, piece), int64_t{1});
  launch(context, column_pieces<Y, N, R, Source>, blocks_for(a.outer * pieces * ceil_div(a.inner, N * warp), 1),
         dim3(warp * R), 0, y, source, a, piece, divisor, accumulate);
}

// y [outer, inner] = sums of partials [outer, n, inner] / divisor, added to y where `accumulate`.
template <class Y>
void add_partials(Context& context, Y* y, const float* partials, Axis a, float divisor, bool accumulate) {
  const Elements<float> source{partials, a.inner};
  if (a.n <= partials_piece) {
    launch_columns<Y, 1, 32>(context, y, source, a, partials_piece, divisor, accumulate);
    return;
  }
  const int64_t pieces = ceil_div(a.n, partials_piece);
  auto* fewer = static_cast<float*>(scratch(context, a.outer * pieces * a.inner * 4));
  launch_columns<float, 1, 32>(context, fewer, source, a, partials_piece, 1.0f, false);
  add_partials(context, y, fewer, {a.outer, pieces, a.inner}, divisor, accumulate);
}

// y [outer, inner] = the sums over n of what `source` reads, N columns at a time, / divisor.
template <class Y, int N, class Source>
void sum_columns(Context& context, Y* y, const Source& source, Axis a, float divisor, bool accumulate) {
  if (a.n <= column_piece) {
    launch_columns<Y, N, 8>(context, y, source, a, column_piece, divisor, accumulate);
    return;
  }
  const int64_t pieces = ceil_div(a.n, column_piece);
  auto* partials = static_cast<float*>(scratch(context, a.outer * pieces * a.inner * 4));
  launch_columns<float, N, 8>(context, partials, source, a, column_piece, 1.0f, false);
  add_partials(context, y, partials, {a.outer, pieces, a.inner}, divisor, accumulate);
}

}  // namespace ettin::ETTIN_LEVEL
