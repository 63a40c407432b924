/*
segment_weighted_mean: an average in which later rows weigh more (SGPT's pooling for decoders).

  forward    y[b] = sum_i i x[offsets[b] + i - 1] / W[b],   i = 1 … n[b],   W[b] = n[b] (n[b] + 1) / 2
  backward   dx[offsets[b] + i - 1] = i dy[b] / W[b]

  x, dx [T,C]   y, dy [B,C]   offsets [B+1] int32

An empty sequence gives zeros and no gradient.
*/
#include "segments.h"

namespace ettin::ETTIN_LEVEL {

namespace {

float total_weight(int64_t n) { return n == 0 ? 1.0f : static_cast<float>(n) * static_cast<float>(n + 1) / 2.0f; }

template <class T>
void forward_block(T* y, const T* x, int64_t n, int64_t columns, int64_t stride) {
  const vf weight = set(total_weight(n));
  for (int64_t c = 0; c < columns; c += lanes) {
    const int64_t m = columns - c;
    Compensated total;
    for (int64_t begin = 0; begin < n; begin += 64) {
      vf piece = zero();
      for (int64_t r = begin; r < min(n, begin + 64); r++) {
        piece = fma(set(static_cast<float>(r + 1)), load(x + r * stride + c, m), piece);
      }
      total.add(piece);
    }
    store(y + c, div(total.value(), weight), m);
  }
}

template <class T>
void backward_block(T* dx, const T* dy, int64_t n, int64_t columns, int64_t stride) {
  for (int64_t r = 0; r < n; r++) {
    const vf share = set(static_cast<float>(r + 1) / total_weight(n));
    for (int64_t c = 0; c < columns; c += lanes) {
      store(dx + r * stride + c, mul(share, load(dy + c, columns - c)), columns - c);
    }
  }
}

}  // namespace

void segment_weighted_mean_forward(Context& context, Out y, View x, View offsets) {
  const int64_t C = x.shape[1];
  const Segments s = segments_of(offsets, {}, x.shape[0]);
  by_float(x.dtype, [&]<class T>() {
    each_segment_block(context, s.count, C, [&](int64_t b, int64_t c, int64_t columns) {
      forward_block(as<T>(y) + b * C + c, as<T>(x) + s.begin(b) * C + c, s.end(b) - s.begin(b), columns, C);
    });
  });
}

void segment_weighted_mean_backward(Context& context, Out dx, View dy, View offsets) {
  const int64_t C = dx.shape[1];
  const Segments s = segments_of(offsets, {}, dx.shape[0]);
  by_float(dx.dtype, [&]<class T>() {
    each_segment_block(context, s.count, C, [&](int64_t b, int64_t c, int64_t columns) {
      backward_block(as<T>(dx) + s.begin(b) * C + c, as<T>(dy) + b * C + c, s.end(b) - s.begin(b), columns, C);
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
