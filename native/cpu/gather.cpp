/*
gather: rows of x by number.

  forward    y[i] = x[rows[i]]
  backward   scatter_add of dy

  x [N, …] of any dtype, int8 and uint8 too   rows [R] int32   y [R, …]
*/
#include "rows.h"

namespace ettin::ETTIN_LEVEL {

void gather(Context& context, StoredOut y, Stored x, View rows) {
  const int64_t R = size_of(rows), N = x.shape[0];
  const auto* number = as<int32_t>(rows);
  if (const int64_t i = first_outside(number, R, N); i >= 0) {
    fail("row %d at place %lld is outside x, which has %lld rows. Gather rows 0 to %lld.", number[i],
         static_cast<long long>(i), static_cast<long long>(N), static_cast<long long>(N - 1));
  }
  if (R == 0) return;
  const int64_t bytes = size_of(y) / R * element_size(y.dtype);
  if (bytes == 0) return;
  auto* out = as<char>(y);
  const auto* in = as<char>(x);
  parallel_chunks(context, R, max(int64_t{1}, 65536 / bytes), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) copy_row(out + i * bytes, in + number[i] * bytes, bytes);
  });
}

}  // namespace ettin::ETTIN_LEVEL
