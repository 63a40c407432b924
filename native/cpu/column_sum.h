// Sums down the columns of [n, C] in one fixed order: rows in groups of eight, groups one after another
// within 256 rows, and those pieces into a compensated total.
#pragma once

#include "row_sum.h"

namespace ettin::ETTIN_LEVEL {

constexpr int64_t column_piece = 256;   // rows that one accumulator takes
constexpr int64_t column_block = 1024;  // columns of a task: its accumulators stay in the first cache

// acc[c] = sum over the rows of x [rows, columns], whose rows lie `stride` apart; rows <= column_piece.
template <class T>
inline void add_columns(float* acc, const T* x, int64_t rows, int64_t columns, int64_t stride) {
  for (int64_t c = 0; c < columns; c += lanes) store(acc + c, zero(), columns - c);
  int64_t r = 0;
  for (; r + 8 <= rows; r += 8) {
    const T* p = x + r * stride;
    const auto group = [&](int64_t c, int64_t m) {
      const vf a = add(add(load(p + c, m), load(p + stride + c, m)),
                       add(load(p + 2 * stride + c, m), load(p + 3 * stride + c, m)));
      const vf b = add(add(load(p + 4 * stride + c, m), load(p + 5 * stride + c, m)),
                       add(load(p + 6 * stride + c, m), load(p + 7 * stride + c, m)));
      store(acc + c, add(load(acc + c, m), add(a, b)), m);
    };
    int64_t c = 0;
    for (; c + lanes <= columns; c += lanes) group(c, lanes);
    if (c < columns) group(c, columns - c);
  }
  for (; r < rows; r++) {
    const T* p = x + r * stride;
    for (int64_t c = 0; c < columns; c += lanes) {
      store(acc + c, add(load(acc + c, columns - c), load(p + c, columns - c)), columns - c);
    }
  }
}

// y[c] = sum of partials [pieces, C] over its pieces, divided by `divisor`; added to y where `accumulate`.
template <class T>
inline void add_pieces(Context& context, T* y, const float* partials, int64_t pieces, int64_t C, float divisor,
                       bool accumulate) {
  parallel_chunks(context, C, 16 * lanes, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; c += lanes) {
      Compensated total;
      for (int64_t p = 0; p < pieces; p++) total.add(load(partials + p * C + c, end - c));
      vf sum = div(total.value(), set(divisor));
      if (accumulate) sum = add(load(y + c, end - c), sum);
      store(y + c, sum, end - c);
    }
  });
}

}  // namespace ettin::ETTIN_LEVEL
