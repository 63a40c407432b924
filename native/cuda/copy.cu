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

// A block's tile: rows along x's dimension of stride 1, columns along the last.
template <class T>
struct Tiled {
  T* data;
  int64_t strides[max_dims];  // from tile to tile in the two dimensions, from element to element in the others
  int64_t step;               // between the elements of the one that is not contiguous here
};

template <class To, class From>
__global__ void copy_tiles(Tiled<To> y, Tiled<From> x, Counts counts, int d, int64_t rows, int64_t columns) {
  using Held = decltype(+value(From{}));  // four bytes: no two rows share a bank
  __shared__ Held held[tile][tile + 1];
  const Place place = counts.place(blockIdx.x);
  const int64_t row = place.index[d] * tile, column = place.index[counts.dims - 1] * tile;
  const int lane = static_cast<int>(threadIdx.x), line = static_cast<int>(threadIdx.y);
  const From* from = x.data + counts.offset(place, x.strides);
  for (int c = line; c < tile; c += tile_lines) {
    if (column + c < columns && row + lane < rows) held[c][lane] = value(from[c * x.step + lane]);
  }
  __syncthreads();
  To* to = y.data + counts.offset(place, y.strides);
  for (int r = line; r < tile; r += tile_lines) {
    if (row + r < rows && column + lane < columns) {
      put(to[r * y.step + lane], static_cast<decltype(value(From{}))>(held[lane][r]));
    }
  }
}

template <class To, class From>
void copy_transposed(Context& context, const View& y, const View& x, const Merged<2>& m, int d) {
  const int inner = m.dims - 1;
  Counts counts{m.dims, {}};
  Tiled<To> to{as<To>(y), {}, m.strides[0][d]};
  Tiled<From> from{as<From>(x), {}, m.strides[1][inner]};
  int64_t tiles = 1;
  for (int e = 0; e < m.dims; e++) {
    const int64_t step = e == d || e == inner ? tile : 1, count = ceil_div(m.shape[e], step);
    counts.size[e] = divisor(count);
    tiles *= count;
    to.strides[e] = m.strides[0][e] * step;
    from.strides[e] = m.strides[1][e] * step;
  }
  launch(context, copy_tiles<To, From>, dim3(static_cast<unsigned>(tiles)), dim3(tile, tile_lines), 0, to, from, counts,
         d, m.shape[d], m.shape[inner]);
}

}  // namespace

void copy(Context& context, Out y, View x) {
  if (size_of(y) == 0) return;
  const Merged<2> m = merged<2>({y, x});
  const bool moves_floats = (y.dtype == DType::int32) == (x.dtype == DType::int32);
  const int d = moves_floats ? transposed_dim(m) : -1;
  by_cast(y.dtype, x.dtype, [&]<class To, class From>() {
    if (d >= 0) return copy_transposed<To, From>(context, y, x, m, d);
    map<To>(context, y, Cast{}, Input<From>(x));
  });
}

}  // namespace ettin::ETTIN_LEVEL
