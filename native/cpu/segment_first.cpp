/*
segment_first: the first row of each sequence (the [CLS] token).

  forward    y[b] = x[offsets[b]]        zeros for an empty sequence
  backward   dx[offsets[b]] = dy[b], all other rows 0

  x, dx [T,C]   y, dy [B,C]   offsets [B+1] int32
*/
#include "segments.h"

namespace ettin::ETTIN_LEVEL {

void segment_first_forward(Context& context, Out y, View x, View offsets) {
  const Segments s = segments_of(offsets, {}, x.shape[0]);
  copy_segment_rows(context, y, x, s, [&](int64_t b) { return s.begin(b); });
}

void segment_first_backward(Context& context, Out dx, View dy, View offsets) {
  const Segments s = segments_of(offsets, {}, dx.shape[0]);
  put_segment_rows(context, dx, dy, s, [&](int64_t b) { return s.begin(b); });
}

}  // namespace ettin::ETTIN_LEVEL
