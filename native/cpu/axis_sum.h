// The sum over one axis, divided by a number: sum and mean.
#pragma once

#include "column_sum.h"

namespace ettin::ETTIN_LEVEL {

constexpr int64_t row_piece = 65536;  // elements of a long row that one task sums

// x [outer, n], y [outer]: a row is cut into pieces by its own length only.
template <class T>
void sum_rows(Context& context, T* y, const T* x, int64_t outer, int64_t n, float divisor) {
  if (n <= row_piece) {
    parallel_chunks(context, outer, rows_per_task(n), [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; o++) store(y + o, row_sum(x + o * n, n) / divisor);
    });
    return;
  }
  const int64_t pieces = ceil_div(n, row_piece);
  float* partials = static_cast<float*>(scratch(context, outer * pieces * 4));
  parallel_for(context, outer * pieces, [&](int64_t task, int) {
    const int64_t o = task / pieces, begin = task % pieces * row_piece;
    partials[task] = row_sum(x + o * n + begin, min(row_piece, n - begin));
  });
  parallel_chunks(context, outer, rows_per_task(pieces), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; o++) store(y + o, row_sum(partials + o * pieces, pieces) / divisor);
  });
}

// x [outer, n, inner], y [outer, inner]: the inner elements lie side by side, one per lane.
template <class T>
void sum_columns(Context& context, T* y, const T* x, int64_t outer, int64_t n, int64_t inner, float divisor) {
  const int64_t pieces = max(int64_t{1}, ceil_div(n, column_piece));
  const int64_t blocks = ceil_div(inner, column_block);
  const bool direct = pieces == 1;
  float* partials = direct ? nullptr : static_cast<float*>(scratch(context, outer * pieces * inner * 4));
  parallel_for(context, outer * pieces * blocks, [&](int64_t task, int) {
    const int64_t block = task % blocks, p = task / blocks % pieces, o = task / blocks / pieces;
    const int64_t c = block * column_block, columns = min(column_block, inner - c);
    const int64_t r = p * column_piece, rows = min(column_piece, n - r);
    float own[column_block];
    float* acc = direct ? own : partials + (o * pieces + p) * inner + c;
    add_columns(acc, x + (o * n + r) * inner + c, rows, columns, inner);
    if (!direct) return;
    for (int64_t i = 0; i < columns; i += lanes) {
      store(y + o * inner + c + i, div(load(own + i, columns - i), set(divisor)), columns - i);
    }
  });
  for (int64_t o = 0; !direct && o < outer; o++) {
    add_pieces(context, y + o * inner, partials + o * pieces * inner, pieces, inner, divisor, false);
  }
}

inline void axis_sum(Context& context, const View& y, const View& x, int64_t axis, bool mean) {
  const Axis a = axis_of(x, axis);
  const float divisor = mean ? static_cast<float>(a.n) : 1.0f;
  by_float(x.dtype, [&]<class T>() {
    if (a.inner == 1) {
      sum_rows(context, as<T>(y), as<T>(x), a.outer, a.n, divisor);
    } else {
      sum_columns(context, as<T>(y), as<T>(x), a.outer, a.n, a.inner, divisor);
    }
  });
}

}  // namespace ettin::ETTIN_LEVEL
