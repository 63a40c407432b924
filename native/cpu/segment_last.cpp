/*
segment_last: the last row of each sequence (what a decoder knows when it has read all).

  forward    y[b] = x[offsets[b+1] - 1]        zeros for an empty sequence
  backward   dx[offsets[b+1] - 1] = dy[b], all other rows 0

  x, dx [T,C]   y, dy [B,C]   offsets [B+1] int32
*/
#include "segments.h"

namespace ettin::ETTIN_LEVEL {

void segment_last_forward(Context& context, Out y, View x, View offsets) {
  const Segments s = segments_of(offsets, {}, x.shape[0]);
  copy_segment_rows(context, y, x, s, [&](int64_t b) { return s.end(b) - 1; });
}

void segment_last_backward(Context& context, Out dx, View dy, View offsets) {
  const Segments s = segments_of(offsets, {}, dx.shape[0]);
  put_segment_rows(context, dx, dy, s, [&](int64_t b) { return s.end(b) - 1; });
}

}  // namespace ettin::ETTIN_LEVEL
