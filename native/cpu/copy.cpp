// copy: y[i] = x[i] in row-major order, from strided x to contiguous y, cast to y's dtype (cast.h).
//
// A transpose (the last dimension strided, another one with stride 1) goes by square tiles: read along the
// one, written along the other, each line of memory used whole while it is in the first-level cache. Between
// integers and floats there are no tiles.
#include "cast.h"
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int64_t tile = 32;

template <class T>
constexpr bool is_int = false;
template <>
constexpr bool is_int<int32_t> = true;

// The dimension of x with stride 1 where that is not the last; -1 where there is none worth tiling for.
int transposed_dim(const Strided& x) {
  const int inner = x.dims - 1;
  if (x.strides[inner] == 1 || x.strides[inner] == 0 || x.shape[inner] < 8) return -1;
  for (int d = 0; d < inner; d++) {
    if (x.strides[d] == 1 && x.shape[d] >= 8) return d;
  }
  return -1;
}

// values[i][j] = x[j * stride + i] for i < rows, j < columns: bfloat16 widens to float32 and back without loss.
template <class T>
void turn_tile(float (&values)[tile][tile], const T* x, int64_t stride, int64_t rows, int64_t columns) {
  const int64_t whole_rows = rows - rows % lanes, whole_columns = columns - columns % lanes;
  for (int64_t j = 0; j < whole_columns; j += lanes) {
    for (int64_t i = 0; i < whole_rows; i += lanes) {
      vf r[lanes];
      for (int k = 0; k < lanes; k++) r[k] = load(x + (j + k) * stride + i);
      transpose(r);
      for (int k = 0; k < lanes; k++) store(values[i + k] + j, r[k]);
    }
  }
  for (int64_t j = 0; j < columns; j++) {
    for (int64_t i = j < whole_columns ? whole_rows : 0; i < rows; i++) values[i][j] = to_float(x[j * stride + i]);
  }
}

// One task is `tile` places of dimension d against the whole last dimension, at one place of all others.
template <class To, class From>
void copy_transposed(Context& context, const Out& y, const Strided& x, int d) {
  const int inner = x.dims - 1;
  const int64_t columns = x.shape[inner], strips = ceil_div(x.shape[d], tile);
  int64_t y_strides[max_dims], tasks = strips;
  for (int64_t e = inner, n = 1; e >= 0; n *= x.shape[e--]) y_strides[e] = n;
  for (int e = 0; e < inner; e++) tasks *= e == d ? 1 : x.shape[e];

  parallel_for(context, tasks, [&](int64_t task, int) {
    const int64_t begin = task % strips * tile, rows = min(tile, x.shape[d] - begin);
    int64_t outer = task / strips, from = begin, to = begin * y_strides[d];
    for (int e = inner - 1; e >= 0; e--) {
      if (e == d) continue;
      from += outer % x.shape[e] * x.strides[e];
      to += outer % x.shape[e] * y_strides[e];
      outer /= x.shape[e];
    }
    float values[tile][tile];
    for (int64_t column = 0; column < columns; column += tile) {
      const int64_t n = min(tile, columns - column), step = x.strides[inner];
      turn_tile(values, static_cast<const From*>(x.data) + from + column * step, step, rows, n);
      for (int64_t i = 0; i < rows; i++) cast_run(as<To>(y) + to + i * y_strides[d] + column, values[i], n);
    }
  });
}

template <class To, class From>
void copy_as(Context& context, const Out& y, const View& x) {
  const Strided source = strided(x);
  const int d = transposed_dim(source);
  if constexpr (is_int<To> && is_int<From>) {  // bits that only move
    if (d >= 0) return copy_transposed<float, float>(context, y, source, d);
  } else if constexpr (!is_int<To> && !is_int<From>) {
    if (d >= 0) return copy_transposed<To, From>(context, y, source, d);
  }
  parallel_chunks(context, size_of(y), elementwise_grain, [&](int64_t begin, int64_t end) {
    From buffer[elementwise_block];
    for (int64_t i = begin; i < end; i += elementwise_block) {
      const int64_t n = min(elementwise_block, end - i);
      cast_run(as<To>(y) + i, fetch(source, i, n, buffer), n);
    }
  });
}

}  // namespace

void copy(Context& context, Out y, View x) {
  by_number(y.dtype, [&]<class To>() { by_number(x.dtype, [&]<class From>() { copy_as<To, From>(context, y, x); }); });
}

}  // namespace ettin::ETTIN_LEVEL
