// global_norm: the Euclidean norm of all gradients taken as one vector.
//
//   norm[] = sqrt(sum over every element of every gradient of g^2)
//
//   gradients float32 or bfloat16, any shapes; norm a float32 scalar
//
// Squares are added in float32 over 1,024 elements, then in double: by piece, then over the pieces in order.
// A gradient that is infinite or NaN, or whose square overflows, makes the norm infinite or NaN.
#include "parameter_chunks.h"
#include "simd.h"

namespace ettin::ETTIN_LEVEL {

template <class T>
static double sum_of_squares(const T* g, int64_t n) {
  double total = 0.0;
  for (int64_t block = 0; block < n; block += 1024) {
    const int64_t end = min(n, block + 1024);
    vf sums[4] = {zero(), zero(), zero(), zero()};
    int64_t i = block;
    for (; i + 4 * lanes <= end; i += 4 * lanes) {
      for (int u = 0; u < 4; u++) {
        const vf x = load(g + i + u * lanes);
        sums[u] = fma(x, x, sums[u]);
      }
    }
    for (; i < end; i += lanes) {
      const vf x = load(g + i, end - i);
      sums[0] = fma(x, x, sums[0]);
    }
    total += static_cast<double>(reduce_add(add(add(sums[0], sums[1]), add(sums[2], sums[3]))));
  }
  return total;
}

void global_norm(Context& context, Out norm, Views gradients) {
  const Chunks chunks = chunks_of(context, gradients.count, gradients.items);
  double* sums = static_cast<double*>(scratch(context, chunks.count * static_cast<int64_t>(sizeof(double))));
  parallel_for(context, chunks.count, [&](int64_t task, int) {
    const Chunk c = chunks.items[task];
    const View& g = gradients.items[c.tensor];
    by_float(g.dtype, [&]<class T>() { sums[task] = sum_of_squares(as<T>(g) + c.begin, c.end - c.begin); });
  });
  double total = 0.0;
  for (int64_t i = 0; i < chunks.count; i++) total += sums[i];
  as<float>(norm)[0] = static_cast<float>(__builtin_sqrt(total));
}

}  // namespace ettin::ETTIN_LEVEL
