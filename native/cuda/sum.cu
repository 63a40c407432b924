/*
sum: over one axis of x [outer, n, inner].

  forward    y[o,i] = sum_n x[o,n,i]          zero where n = 0
  backward   dx[o,n,i] = dy[o,i]              a broadcast copy: no kernel of its own

The order of additions depends on n alone (axis_sum.cu, column_sum.h).
*/
#include "axis_sum.h"

namespace ettin::ETTIN_LEVEL {

void sum(Context& context, Out y, View x, int64_t axis) { axis_sum(context, y, x, axis, false); }

}  // namespace ettin::ETTIN_LEVEL
