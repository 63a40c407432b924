/*
take_along: elements of each row by number.

  forward    y[n,j] = x[n, indices[n,j]]
  backward   put_along of dy

  x [N,C] of any dtype   indices [N,K] int32   y [N,K]
*/
#include "along.h"

namespace ettin::ETTIN_LEVEL {

namespace {
template <class U>
__global__ void take(U* y, const U* x, const int32_t* indices, int64_t N, int64_t C, int64_t K, Fault outside) {
  const int64_t i = thread_of_grid();
  if (i >= N * K) return;
  const int64_t n = i / K, c = checked_along(indices, n, i % K, K, C, outside);
  if (C > 0) y[i] = x[n * C + c];
}
}  // namespace

void take_along(Context& context, Out y, View x, View indices) {
  const int64_t N = rows(indices), K = last(indices), C = last(x);
  const Fault outside = outside_row(context);
  const auto run = [&]<class U>() {
    launch(context, take<U>, blocks_for(N * K, 256), dim3(256), 0, as<U>(y), as<U>(x), as<int32_t>(indices), N, C, K,
           outside);
  };
  if (element_bytes(x.dtype) == 2) {
    run.template operator()<uint16_t>();
  } else {
    run.template operator()<uint32_t>();
  }
}

}  // namespace ettin::ETTIN_LEVEL
