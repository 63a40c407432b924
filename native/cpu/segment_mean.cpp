/*
segment_mean: averages the rows of each sequence.

  forward    y[b] = sum_{t in b} x[t] / n[b],   n[b] the rows from starts[b] (else offsets[b]) on
  backward   dx[t] = dy[b] / n[b] for those rows, 0 for the rows before

  x, dx [T,C]   y, dy [B,C]   offsets [B+1], starts [B] int32

A sequence with nothing to pool gives zeros and no gradient. Rows are added in pieces that are counted from
the sequence's own start: its mean has the same bits in any batch.
*/
#include "segments.h"

namespace ettin::ETTIN_LEVEL {

namespace {

template <class T>
void forward_block(T* y, const T* x, int64_t n, int64_t columns, int64_t stride) {
  float sum[segment_block], lost[segment_block], piece[segment_block];
  zero_bytes(sum, sizeof sum);
  zero_bytes(lost, sizeof lost);
  for (int64_t r = 0; r < n; r += column_piece) {
    add_columns(piece, x + r * stride, min(column_piece, n - r), columns, stride);
    for (int64_t c = 0; c < columns; c += lanes) {
      Compensated total{load(sum + c), load(lost + c)};
      total.add(load(piece + c, columns - c));
      store(sum + c, total.sum);
      store(lost + c, total.lost);
    }
  }
  const vf count = set(static_cast<float>(max(n, int64_t{1})));
  for (int64_t c = 0; c < columns; c += lanes) {
    const vf total = Compensated{load(sum + c), load(lost + c)}.value();
    store(y + c, div(total, count), columns - c);
  }
}

template <class T>
void backward_block(T* dx, const T* dy, int64_t before, int64_t n, int64_t columns, int64_t stride) {
  const vf count = set(static_cast<float>(max(n, int64_t{1})));
  for (int64_t r = 0; r < before + n; r++) {
    for (int64_t c = 0; c < columns; c += lanes) {
      const vf each = r < before ? zero() : div(load(dy + c, columns - c), count);
      store(dx + r * stride + c, each, columns - c);
    }
  }
}

}  // namespace

void segment_mean_forward(Context& context, Out y, View x, View offsets, Optional starts) {
  const int64_t C = x.shape[1];
  const Segments s = segments_of(offsets, starts, x.shape[0]);
  by_float(x.dtype, [&]<class T>() {
    each_segment_block(context, s.count, C, [&](int64_t b, int64_t c, int64_t columns) {
      forward_block(as<T>(y) + b * C + c, as<T>(x) + s.begin(b) * C + c, s.end(b) - s.begin(b), columns, C);
    });
  });
}

void segment_mean_backward(Context& context, Out dx, View dy, View offsets, Optional starts) {
  const int64_t C = dx.shape[1];
  const Segments s = segments_of(offsets, starts, dx.shape[0]);
  by_float(dx.dtype, [&]<class T>() {
    each_segment_block(context, s.count, C, [&](int64_t b, int64_t c, int64_t columns) {
      const int64_t first = s.offsets[b], begin = s.begin(b);
      backward_block(as<T>(dx) + first * C + c, as<T>(dy) + b * C + c, begin - first, s.end(b) - begin, columns, C);
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
