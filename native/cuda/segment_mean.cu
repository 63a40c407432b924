/*
segment_mean: averages the rows of each sequence.

  forward    y[b] = sum_{t in b} x[t] / n[b],   n[b] the rows from starts[b] (else offsets[b]) on
  backward   dx[t] = dy[b] / n[b] for those rows, 0 for the rows before

  x, dx [T,C]   y, dy [B,C]   offsets [B+1], starts [B] int32

A sequence with nothing to pool gives zeros and no gradient.
*/
#include "segment_average.h"

namespace ettin::ETTIN_LEVEL {

void segment_mean_forward(Context& context, Out y, View x, View offsets, Optional starts) {
  average_segments<false>(context, y, x, offsets, starts);
}

void segment_mean_backward(Context& context, Out dx, View dy, View offsets, Optional starts) {
  spread_segments<false>(context, dx, dy, offsets, starts);
}

}  // namespace ettin::ETTIN_LEVEL
