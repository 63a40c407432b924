// read_bandwidth: the sum of x, for benchmarks: as fast as memory can be read. Each task reads one piece from its start
// to its end.
#include "simd.h"

namespace ettin::ETTIN_LEVEL {

void read_bandwidth(Context& context, Out y, View x) {
  constexpr int64_t piece = 1 << 20;
  const int64_t n = size_of(x), pieces = ceil_div(n, piece);
  float* sums = static_cast<float*>(scratch(context, pieces * 4));
  parallel_for(context, pieces, [&](int64_t task, int) {
    const float* p = as<float>(x) + task * piece;
    const int64_t left = min(piece, n - task * piece);
    vf a = zero(), b = zero(), c = zero(), d = zero();
    int64_t i = 0;
    for (; i + 4 * lanes <= left; i += 4 * lanes) {
      a = add(a, load(p + i));
      b = add(b, load(p + i + lanes));
      c = add(c, load(p + i + 2 * lanes));
      d = add(d, load(p + i + 3 * lanes));
    }
    for (; i < left; i += lanes) a = add(a, load(p + i, left - i));
    sums[task] = reduce_add(add(add(a, b), add(c, d)));
  });
  float sum = 0.0f;
  for (int64_t i = 0; i < pieces; i++) sum += sums[i];
  as<float>(y)[0] = sum;
}

}  // namespace ettin::ETTIN_LEVEL
