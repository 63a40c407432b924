// copy_bandwidth: y = x, float32, by ordinary accesses or by such that leave the caches soon: what the device's memory
// allows, for benchmarks to measure against.
#include "runs.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int threads = 256, together = 4;  // accesses of 16 bytes that a thread has on the way

template <bool past_caches>
__global__ void __launch_bounds__(threads) copy_kernel(float4* y, const float4* x, int64_t n) {
  const int64_t first = int64_t{blockIdx.x} * (threads * together) + threadIdx.x;
  float4 held[together];
#pragma unroll
  for (int u = 0; u < together; u++) {
    const int64_t i = first + u * threads;
    if (i < n) held[u] = past_caches ? __ldcs(x + i) : x[i];
  }
#pragma unroll
  for (int u = 0; u < together; u++) {
    const int64_t i = first + u * threads;
    if (i >= n) break;
    if (past_caches) {
      __stcs(y + i, held[u]);
    } else {
      y[i] = held[u];
    }
  }
}

}  // namespace

void copy_bandwidth(Context& context, Out y, View x, bool past_caches) {
  const int64_t n = size_of(y), packs = n / 4;
  if (n % 4 != 0 || !aligned_for_runs<4>(as<float>(y)) || !aligned_for_runs<4>(as<float>(x)))
    return copy(context, y, x);
  launch(context, past_caches ? copy_kernel<true> : copy_kernel<false>, blocks_for(packs, threads * together),
         dim3(threads), 0, as<float4>(y), as<float4>(x), packs);
}

}  // namespace ettin::ETTIN_LEVEL
