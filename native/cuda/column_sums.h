// Sums down the columns of a matrix, in one order that its shape decides: rows are cut into pieces, a block sums a
// piece of some columns, and a second kernel the pieces' sums. Both read each number once.
#pragma once

#include "level.h"

namespace ettin::ETTIN_LEVEL {

namespace column_sums_detail {

constexpr int warps = 8;
constexpr int64_t piece_rows = 256;  // at least
constexpr int64_t most_pieces = 4096;

// Columns of a block: 32 lanes of P neighbours. y [pieces, C], or where there is one piece, the sums themselves.
template <class T, int P>
__global__ void sum_pieces(float* y, const T* x, int64_t R, int64_t C, int64_t stride, int64_t rows, int tiles,
                           bool accumulate) {
  __shared__ float parts[warps][warp * P];
  const int lane = static_cast<int>(threadIdx.x) % warp, number = static_cast<int>(threadIdx.x) / warp;
  const int64_t piece = blockIdx.x / static_cast<unsigned>(tiles), tile = blockIdx.x % static_cast<unsigned>(tiles);
  const int64_t c = (tile * warp + lane) * P;
  const int64_t end = min(R, (piece + 1) * rows);
  float sums[P] = {};
  if (P > 1 && c + P <= C) {
#pragma unroll 4
    for (int64_t r = piece * rows + number; r < end; r += warps) {
      const Pack<T> pack = load_pack(x + r * stride + c);
#pragma unroll
      for (int i = 0; i < P; i++) sums[i] += to_float(pack.item[i]);
    }
  } else if (c < C) {
    const int columns = static_cast<int>(min(int64_t{P}, C - c));
    for (int64_t r = piece * rows + number; r < end; r += warps) {
#pragma unroll
      for (int i = 0; i < P; i++) {
        if (i < columns) sums[i] += to_float(x[r * stride + c + i]);
      }
    }
  }
#pragma unroll
  for (int i = 0; i < P; i++) parts[number][lane * P + i] = sums[i];
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < warp * P; i += warps * warp) {
    const int64_t column = tile * warp * P + i;
    if (column >= C) continue;
    float sum = 0.0f;
#pragma unroll
    for (int w = 0; w < warps; w++) sum += parts[w][i];
    float* out = y + piece * C + column;
    *out = accumulate ? *out + sum : sum;
  }
}

template <int P>
__global__ void add_pieces(float* y, const float* x, int64_t pieces, int64_t C, bool accumulate) {
  __shared__ float parts[P][warp];
  const int lane = static_cast<int>(threadIdx.x) % warp, number = static_cast<int>(threadIdx.x) / warp;
  const int64_t c = int64_t{blockIdx.x} * warp + lane;
  float sum = 0.0f;
  if (c < C) {
    for (int64_t p = number; p < pieces; p += P) sum += x[p * C + c];
  }
  parts[number][lane] = sum;
  __syncthreads();
  if (number != 0 || c >= C) return;
  sum = 0.0f;
  for (int w = 0; w < P; w++) sum += parts[w][lane];
  y[c] = accumulate ? y[c] + sum : sum;
}

}  // namespace column_sums_detail

inline int64_t column_pieces(int64_t R) {
  return min(max(ceil_div(R, column_sums_detail::piece_rows), int64_t{1}), column_sums_detail::most_pieces);
}
// What column_sums needs for R rows, in scratch.
inline float* column_sums_space(Context& context, int64_t R, int64_t C) {
  return static_cast<float*>(scratch(context, column_pieces(R) * C * 4));
}

// y[c] = sum over r of x[r,c] (+ y[c]); rows of x lie `stride` apart.
template <class T>
void column_sums(Context& context, float* y, const T* x, int64_t R, int64_t C, int64_t stride, bool accumulate,
                 float* space) {
  namespace detail = column_sums_detail;
  if (C == 0) return;
  const int64_t pieces = column_pieces(R), rows = ceil_div(R, pieces);
  constexpr int P = Pack<T>::size;
  const bool by_pack = packs(x, stride) && C >= P;
  const int64_t tiles = ceil_div(C, warp * (by_pack ? P : 1));
  float* sums = pieces == 1 ? y : space;
  launch(context, by_pack ? detail::sum_pieces<T, P> : detail::sum_pieces<T, 1>,
         dim3(static_cast<unsigned>(pieces * tiles)), dim3(detail::warps * warp), 0, sums, x, R, C, stride, rows,
         static_cast<int>(tiles), pieces == 1 && accumulate);
  if (pieces == 1) return;
  const auto columns = dim3(static_cast<unsigned>(ceil_div(C, warp)));
  if (pieces > 64) {
    launch(context, detail::add_pieces<32>, columns, dim3(32 * warp), 0, y, sums, pieces, C, accumulate);
  } else {
    launch(context, detail::add_pieces<8>, columns, dim3(8 * warp), 0, y, sums, pieces, C, accumulate);
  }
}

}  // namespace ettin::ETTIN_LEVEL
