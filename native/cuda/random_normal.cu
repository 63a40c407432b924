// random_normal: y drawn from the normal distribution with mean 0, cut off at bound standard deviations.
//
//   u[i] = (the upper 31 bits of a word + 1/2) / 2^31       p[i] = outside + u[i] (1/2 - outside)
//   y[i] = +-std Q(p[i]), at most std bound; the word's lowest bit is the sign
//
// p is the mass beyond |y|, `outside` that beyond the bound, and Q the upper quantile by algorithm PPND7 (Wichura 1988,
// AS 241), about 1e-7 of it. Word i of philox (philox.h) has the counter (i / 4, i / 2^34, 0, 0) and the key of
// (seed, stream): any element can be drawn alone, in any order.
#include "philox.h"
#include "runs.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int threads = 256, words = 4;

// c[0] + c[1] x + c[2] x^2 + ...
template <int N>
__device__ __forceinline__ float polynomial(float x, const float (&c)[N]) {
  float y = c[N - 1];
#pragma unroll
  for (int i = N - 2; i >= 0; i--) y = fmaf(y, x, c[i]);
  return y;
}

// Q(p) for p in (0, 1/2].
__device__ __forceinline__ float upper_quantile(float p) {
  const float q = 0.5f - p;
  if (q <= 0.425f) {
    const float near = fmaf(-q, q, 0.180625f);
    return q * (polynomial(near, {3.3871327179f, 50.434271938f, 159.29113202f, 59.109374720f}) /
                polynomial(near, {1.0f, 17.895169469f, 78.757757664f, 67.187563600f}));
  }
  const float far = sqrtf(-logf(p)) - 1.6f;
  return polynomial(far, {1.4234372777f, 2.7568153900f, 1.3067284816f, 0.17023821103f}) /
         polynomial(far, {1.0f, 0.73700164250f, 0.12021132975f});
}

struct Normals {
  PhiloxKey key;
  float floor, span, std, most;

  __device__ __forceinline__ float of(uint32_t word) const {
    const float u = static_cast<float>(word >> 1) + 0.5f;
    const float size = std * fminf(upper_quantile(fmaf(u, span, floor)), most);
    return word & 1 ? -size : size;
  }
};

// Four neighbours a thread: the words of one counter.
template <class T>
__global__ void __launch_bounds__(threads) random_normal_kernel(T* y, int64_t n, bool by_runs, Normals normals) {
  const int64_t group = thread_of_grid(), at = group * words;
  if (at >= n) return;
  const Draw draw = philox(static_cast<uint32_t>(group), static_cast<uint32_t>(group >> 32), 0, 0, normals.key);
  float values[words];
#pragma unroll
  for (int w = 0; w < words; w++) values[w] = normals.of(draw.word[w]);
  if (by_runs && at + words <= n) return store_run(y + at, values);
  for (int w = 0; w < words && at + w < n; w++) put(y[at + w], values[w]);
}

}  // namespace

void random_normal(Context& context, Out y, double std, double outside, double bound, int64_t seed, int64_t stream) {
  const int64_t n = size_of(y);
  const Normals normals{philox_key(seed, stream), static_cast<float>(outside),
                        static_cast<float>((0.5 - outside) / 2147483648.0), static_cast<float>(std),
                        static_cast<float>(bound)};
  by_float(y.dtype, [&]<class T>() {
    launch(context, random_normal_kernel<T>, blocks_for(ceil_div(n, words), threads), dim3(threads), 0, as<T>(y), n,
           aligned_for_runs<words>(as<T>(y)), normals);
  });
}

}  // namespace ettin::ETTIN_LEVEL
