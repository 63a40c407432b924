/*
mean: over one axis of x [outer, n, inner].

  forward    y[o,i] = (sum_n x[o,n,i]) / n    NaN where n = 0, as 0 / 0 is
  backward   dx[o,n,i] = dy[o,i] / n          a broadcast copy: no kernel of its own
*/
#include "axis_sum.h"

namespace ettin::ETTIN_LEVEL {

void mean(Context& context, Out y, View x, int64_t axis) { axis_sum(context, y, x, axis, true); }

}  // namespace ettin::ETTIN_LEVEL
