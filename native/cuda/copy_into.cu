// copy_into: y[.., start + i, ..] = x[.., i, ..] along an axis, in place, cast to y's dtype.
// y is contiguous [outer, N, inner], x [outer, n, inner] with start + n <= N; x may be strided.
#include "cast.h"

namespace ettin::ETTIN_LEVEL {

void copy_into(Context& context, InOut y, View x, int64_t axis, int64_t start) {
  View piece = y;  // of x's shape, with y's strides
  int64_t stride = 1;
  for (int d = y.dims - 1; d >= 0; d--) {
    piece.strides[d] = stride;
    piece.shape[d] = x.shape[d];
    stride *= y.shape[d];
  }
  by_cast(y.dtype, x.dtype, [&]<class To, class From>() {
    piece.data = as<To>(y) + start * piece.strides[axis];
    map<To>(context, piece, Cast{}, Input<From>(x));
  });
}

}  // namespace ettin::ETTIN_LEVEL
