/*
gather: rows of x by number.

  forward    y[i] = x[rows[i]]
  backward   scatter_add of dy

  x [N, …] of any dtype, int8 and uint8 too   rows [R] int32   y [R, …]
*/
#include "row_numbers.h"

namespace ettin::ETTIN_LEVEL {

namespace {

// A row is `units` of the type U.
template <class U>
__global__ void copy_units(U* y, const U* x, const int32_t* rows, int64_t R, int64_t N, int64_t units, int lanes,
                           Fault outside) {
  const int64_t i = thread_of_grid() / lanes;
  if (i >= R) return;
  const int64_t row = checked(rows, i, N, outside);
  for (int64_t u = threadIdx.x % lanes; u < units; u += lanes) y[i * units + u] = x[row * units + u];
}

}  // namespace

void gather(Context& context, StoredOut y, Stored x, View rows) {
  const int64_t R = size_of(rows), N = x.shape[0];
  if (R == 0) return;
  const int64_t bytes = size_of(y) / R * element_bytes(y.dtype);
  const Fault outside =
      fault(context, "row %lld at place %lld is outside x, which has %lld rows. Gather rows 0 to %lld.");
  by_unit(bytes, y.data, x.data, [&]<class U>() {
    const int64_t units = N == 0 ? 0 : bytes / static_cast<int64_t>(sizeof(U));
    const int lanes = row_lanes(units);
    launch(context, copy_units<U>, row_blocks(R, lanes), dim3(row_threads), 0, as<U>(y), as<U>(x), as<int32_t>(rows), R,
           N, units, lanes, outside);
  });
}

}  // namespace ettin::ETTIN_LEVEL
