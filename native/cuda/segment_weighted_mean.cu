/*
segment_weighted_mean: an average in which later rows weigh more (SGPT's pooling for decoders).

  forward    y[b] = sum_i i x[offsets[b] + i - 1] / W[b],   i = 1 … n[b],   W[b] = n[b] (n[b] + 1) / 2
  backward   dx[offsets[b] + i - 1] = i dy[b] / W[b]

  x, dx [T,C]   y, dy [B,C]   offsets [B+1] int32

An empty sequence gives zeros and no gradient.
*/
#include "segment_average.h"

namespace ettin::ETTIN_LEVEL {

void segment_weighted_mean_forward(Context& context, Out y, View x, View offsets) {
  average_segments<true>(context, y, x, offsets, {});
}

void segment_weighted_mean_backward(Context& context, Out dx, View dy, View offsets) {
  spread_segments<true>(context, dx, dy, offsets, {});
}

}  // namespace ettin::ETTIN_LEVEL
