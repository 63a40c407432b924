// A row is cut into pieces by its own length only, so that it has the same bits in any batch.
#include "axis_sum.h"

#include "column_sum.h"
#include "row_numbers.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int64_t row_piece = 16384;  // elements of a long row that one block sums
constexpr int64_t lone_row = 2048;    // up to here a row is a warp's, or less

// A row [n] to `lanes` neighbours, N elements at a time.
template <int N, class T>
__global__ void __launch_bounds__(row_threads)
    sum_short_rows(T* y, const T* x, int64_t outer, int64_t n, int lanes, float divisor) {
  const int64_t o = thread_of_grid() / lanes;
  float sum[N] = {};
  if (o < outer) {
#pragma unroll 4
    for (int64_t i = threadIdx.x % lanes * N; i < n; i += lanes * N) {
      float v[N];
      read_values(v, x + o * n + i);
#pragma unroll
      for (int j = 0; j < N; j++) sum[j] += v[j];
    }
  }
#pragma unroll
  for (int j = 1; j < N; j++) sum[0] += sum[j];
  for (int d = lanes / 2; d > 0; d /= 2) sum[0] += __shfl_xor_sync(all_lanes, sum[0], d);
  if (o < outer && threadIdx.x % lanes == 0) store(y + o, sum[0] / divisor);
}

// y [outer, pieces]: a piece to a block.
template <int N, class Y, class T>
__global__ void __launch_bounds__(row_threads)
    sum_row_pieces(Y* y, const T* x, int64_t n, int64_t pieces, float divisor) {
  const int64_t o = int64_t{blockIdx.x} / pieces, begin = int64_t{blockIdx.x} % pieces * row_piece;
  const int64_t end = min(n, begin + row_piece);
  float sum[N] = {};
#pragma unroll 4
  for (int64_t i = begin + threadIdx.x * N; i < end; i += row_threads * N) {
    float v[N];
    read_values(v, x + o * n + i);
#pragma unroll
    for (int j = 0; j < N; j++) sum[j] += v[j];
  }
#pragma unroll
  for (int j = 1; j < N; j++) sum[0] += sum[j];
  const float total = block_sum(sum[0]);
  if (threadIdx.x == 0) store(y + blockIdx.x, total / divisor);
}

template <int N, class T>
void sum_rows(Context& context, T* y, const T* x, int64_t outer, int64_t n, float divisor) {
  if (n <= lone_row) {
    const int lanes = row_lanes(n / N);
    launch(context, sum_short_rows<N, T>, row_blocks(outer, lanes), dim3(row_threads), 0, y, x, outer, n, lanes,
           divisor);
    return;
  }
  const int64_t pieces = ceil_div(n, row_piece);
  if (pieces == 1) {
    launch(context, sum_row_pieces<N, T, T>, blocks_for(outer, 1), dim3(row_threads), 0, y, x, n, pieces, divisor);
    return;
  }
  auto* partials = static_cast<float*>(scratch(context, outer * pieces * 4));
  launch(context, sum_row_pieces<N, float, T>, blocks_for(outer * pieces, 1), dim3(row_threads), 0, partials, x, n,
         pieces, 1.0f);
  add_partials(context, y, partials, {outer, pieces, 1}, divisor, false);
}

}  // namespace

void axis_sum(Context& context, const View& y, const View& x, int64_t axis, bool mean) {
  const Axis a = axis_of(x, axis);
  const float divisor = mean ? static_cast<float>(a.n) : 1.0f;
  by_float(x.dtype, [&]<class T>() {
    constexpr int N = Pack<T>::size;
    if (a.inner == 1 && packs(as<T>(x), a.n)) {
      sum_rows<N>(context, as<T>(y), as<T>(x), a.outer, a.n, divisor);
    } else if (a.inner == 1) {
      sum_rows<1>(context, as<T>(y), as<T>(x), a.outer, a.n, divisor);
    } else if (packs(as<T>(x), a.inner)) {
      sum_columns<T, N>(context, as<T>(y), Elements<T>{as<T>(x), a.inner}, a, divisor, false);
    } else {
      sum_columns<T, 1>(context, as<T>(y), Elements<T>{as<T>(x), a.inner}, a, divisor, false);
    }
  });
}

}  // namespace ettin::ETTIN_LEVEL
