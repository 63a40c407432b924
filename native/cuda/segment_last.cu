/*
segment_last: the last row of each sequence (what a decoder knows when it has read all).

  forward    y[b] = x[offsets[b+1] - 1]        zeros for an empty sequence
  backward   dx[offsets[b+1] - 1] = dy[b], all other rows 0

  x, dx [T,C]   y, dy [B,C]   offsets [B+1] int32
*/
#include "segment_rows.h"

namespace ettin::ETTIN_LEVEL {

void segment_last_forward(Context& context, Out y, View x, View offsets) {
  take_segment_rows<true>(context, y, x, offsets);
}

void segment_last_backward(Context& context, Out dx, View dy, View offsets) {
  put_segment_rows<true>(context, dx, dy, offsets);
}

}  // namespace ettin::ETTIN_LEVEL
