// copy: y[i] = x[i] in row-major order, from strided x to contiguous y, cast to y's dtype.
//
// A transpose (the last dimension strided, another one with stride 1) goes by square tiles through shared memory: read
// along the one, written along the other. Between integers and floats there are no tiles.
#include "cast.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int tile = 32, tile_lines = 8;  // a block reads and writes so many lines of a tile at once

// The dimension of x with stride 1 where that is not the last; -1 where there is none worth tiling for.
int transposed_dim(const Merged<2>& m) {
  const int inner = m.dims - 1;
  const int64_t* strides = m.strides[1];
  if (strides[inner] <= 1 || m.shape[inner] < 8) return -1;
  for (int d = 0; d < inner; d++) {
    if (strides[d] == 1 && m.shape[d] >= 8) return d;
  }
  return -1;
}

// A matrix whose rows are along x's dimension of stride 1 and whose columns are along the last, and how many of them
// lie in what other dimensions. Tiles of rows and of columns are the last two dimensions of `counts`.
struct Tiles {
  Counts counts;
  int64_t rows, columns;
  int64_t x_step, y_step;  // from column to column in x, from row to row in y
  int64_t x_strides[max_dims], y_strides[max_dims];
};

template <class To, class From>
__global__ void __launch_bounds__(tile* tile_lines) copy_tiles(To* y, const From* x, Tiles tiles) {
  using Held = decltype(+value(From{}));  // four bytes: no two rows share a bank
  __shared__ Held held[tile][tile + 1];
  const Place place = tiles.counts.place(blockIdx.x);
  const int64_t row = place.index[max_dims - 2] * tile, column = place.index[max_dims - 1] * tile;
  const int lane = static_cast<int>(threadIdx.x), line = static_cast<int>(threadIdx.y);
  x += tiles.counts.offset(place, tiles.x_strides);
  y += tiles.counts.offset(place, tiles.y_strides);
#pragma unroll
  for (int c = line; c < tile; c += tile_lines) {
    if (column + c < tiles.columns && row + lane < tiles.rows) held[c][lane] = value(x[c * tiles.x_step + lane]);
  }
  __syncthreads();
#pragma unroll
  for (int r = line; r < tile; r += tile_lines) {
    if (row + r < tiles.rows && column + lane < tiles.columns) {
      put(y[r * tiles.y_step + lane], static_cast<decltype(value(From{}))>(held[lane][r]));
    }
  }
}

template <class To, class From>
void copy_transposed(Context& context, const View& y, const View& x, const Merged<2>& m, int d) {
  const int inner = m.dims - 1;
  Tiles tiles{{max_dims, {}}, m.shape[d], m.shape[inner], m.strides[1][inner], m.strides[0][d], {}, {}};
  int64_t blocks = 1;
  const auto dimension = [&](int place, int e, int64_t step) {
    const int64_t count = ceil_div(m.shape[e], step);
    tiles.counts.size[place] = divisor(count);
    tiles.y_strides[place] = m.strides[0][e] * step;
    tiles.x_strides[place] = m.strides[1][e] * step;
    blocks *= count;
  };
  for (int e = 0; e < max_dims; e++) tiles.counts.size[e] = divisor(1);
  int others = 0;
  for (int e = 0; e < inner; e++) {
    if (e != d) dimension(others++, e, 1);
  }
  dimension(max_dims - 2, d, tile);
  dimension(max_dims - 1, inner, tile);
  launch(context, copy_tiles<To, From>, dim3(static_cast<unsigned>(blocks)), dim3(tile, tile_lines), 0, as<To>(y),
         as<From>(x), tiles);
}

template <class T>
constexpr bool is_int = false;
template <>
constexpr bool is_int<int32_t> = true;

}  // namespace

void copy(Context& context, Out y, View x) {
  if (size_of(y) == 0) return;
  const Merged<2> m = merged<2>({y, x});
  const int d = transposed_dim(m);
  by_cast(y.dtype, x.dtype, [&]<class To, class From>() {
    if constexpr (is_int<To> == is_int<From>) {
      if (d >= 0) return copy_transposed<To, From>(context, y, x, m, d);
    }
    map<To>(context, y, Cast{}, Input<From>(x));
  });
}

}  // namespace ettin::ETTIN_LEVEL
