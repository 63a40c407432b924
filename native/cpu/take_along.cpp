/*
take_along: elements of each row by number.

  forward    y[n,j] = x[n, indices[n,j]]
  backward   put_along of dy

  x [N,C] of any dtype   indices [N,K] int32   y [N,K]
*/
#include "along.h"

namespace ettin::ETTIN_LEVEL {

namespace {
template <class T>
void take(Context& context, T* y, const T* x, const int32_t* indices, int64_t N, int64_t C, int64_t K) {
  parallel_chunks(context, N, max(int64_t{1}, 16384 / max(K, int64_t{1})), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; n++) {
      for (int64_t j = n * K; j < (n + 1) * K; j++) y[j] = x[n * C + indices[j]];
    }
  });
}
}  // namespace

void take_along(Context& context, Out y, View x, View indices) {
  const int64_t N = rows(indices), K = last(indices), C = last(x);
  const auto* at = as<int32_t>(indices);
  check_along(at, N * K, K, C);
  if (element_size(x.dtype) == 2) {
    take(context, as<bf16>(y), as<bf16>(x), at, N, C, K);
  } else {
    take(context, as<float>(y), as<float>(x), at, N, C, K);
  }
}

}  // namespace ettin::ETTIN_LEVEL
