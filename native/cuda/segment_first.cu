/*
segment_first: the first row of each sequence (the [CLS] token).

  forward    y[b] = x[offsets[b]]        zeros for an empty sequence
  backward   dx[offsets[b]] = dy[b], all other rows 0

  x, dx [T,C]   y, dy [B,C]   offsets [B+1] int32
*/
#include "segment_rows.h"

namespace ettin::ETTIN_LEVEL {

void segment_first_forward(Context& context, Out y, View x, View offsets) {
  take_segment_rows<false>(context, y, x, offsets);
}

void segment_first_backward(Context& context, Out dx, View dy, View offsets) {
  put_segment_rows<false>(context, dx, dy, offsets);
}

}  // namespace ettin::ETTIN_LEVEL
