/*
scatter_add: adds rows to where their numbers say.

  forward    y = 0;  y[rows[i]] += x[i], in the order of i
  backward   gather of dy

  x [R, …] float   rows [R] int32   y [N, …]

Sums are float32 and rounded once (rows.h).
*/
#include "rows.h"

namespace ettin::ETTIN_LEVEL {

void scatter_add(Context& context, Out y, View x, View rows) {
  const int64_t R = size_of(rows), N = y.shape[0];
  const auto* number = as<int32_t>(rows);
  if (const int64_t i = first_outside(number, R, N); i >= 0) {
    fail("row %d at place %lld is outside the result, which has %lld rows. Pass a larger size, or rows 0 to %lld.",
         number[i], static_cast<long long>(i), static_cast<long long>(N), static_cast<long long>(N - 1));
  }
  zero_all(context, y.data, size_of(y) * element_size(y.dtype));
  if (R == 0) return;
  by_float(y.dtype, [&]<class T>() { add_rows(context, as<T>(y), as<T>(x), number, R, N, size_of(x) / R, false); });
}

}  // namespace ettin::ETTIN_LEVEL
