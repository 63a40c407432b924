// copy_into: y[.., start + i, ..] = x[.., i, ..] along an axis, in place, cast to y's dtype (cast.h).
// y is contiguous [outer, N, inner], x [outer, n, inner] with start + n <= N; x may be strided.
#include "cast.h"
#include "elementwise.h"

namespace ettin::ETTIN_LEVEL {

void copy_into(Context& context, InOut y, View x, int64_t axis, int64_t start) {
  const Axis whole = axis_of(y, axis);
  const int64_t piece = x.shape[axis] * whole.inner;  // what lies together in y
  const int64_t line = whole.n * whole.inner;
  const Strided source = strided(x);
  by_number(y.dtype, [&]<class To>() {
    by_number(x.dtype, [&]<class From>() {
      To* to = as<To>(y) + start * whole.inner;
      parallel_chunks(context, size_of(x), elementwise_grain, [&](int64_t begin, int64_t end) {
        From buffer[elementwise_block];
        for (int64_t i = begin; i < end;) {
          const int64_t n = min(min(elementwise_block, end - i), piece - i % piece);
          cast_run(to + i / piece * line + i % piece, fetch(source, i, n, buffer), n);
          i += n;
        }
      });
    });
  });
}

}  // namespace ettin::ETTIN_LEVEL
