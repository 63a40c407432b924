/*
scatter_add: adds rows to where their numbers say.

  forward    y = 0;  y[rows[i]] += x[i], in the order of i
  backward   gather of dy

  x [R, …] float   rows [R] int32   y [N, …]

Sums are float32, rounded once, in an order that the numbers decide (row_sums.h).
*/
#include "row_sums.h"

namespace ettin::ETTIN_LEVEL {

void scatter_add(Context& context, Out y, View x, View rows) {
  const int64_t R = size_of(rows), N = y.shape[0];
  zero(context, y);
  if (R == 0) return;
  const Fault outside = fault(context,
                              "row %lld at place %lld is outside the result, which has %lld rows. Pass a larger size, "
                              "or rows 0 to %lld.");
  by_float(y.dtype, [&]<class T>() {
    add_rows(context, as<T>(y), as<T>(x), as<int32_t>(rows), R, N, size_of(x) / R, false, outside);
  });
}

}  // namespace ettin::ETTIN_LEVEL
