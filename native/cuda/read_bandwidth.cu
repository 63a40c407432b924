// read_bandwidth: the sum of x, for benchmarks: as fast as memory can be read. A thread has four accesses on the way.
#include "runs.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int threads = 256, most_blocks = 1024, together = 4;

__global__ void __launch_bounds__(threads) read_kernel(float* sums, const float* x, int64_t n, int64_t runs) {
  constexpr int N = run_size<float>;
  const int64_t stride = threads_of_grid();
  float sum[together] = {};
  for (int64_t i = thread_of_grid(); i < runs; i += stride * together) {
    Run<float, N> held[together];
#pragma unroll
    for (int u = 0; u < together; u++) {
      const int64_t at = i + u * stride;
      held[u] = at < runs ? load_run<N>(x + at * N) : run_of<N>(0.0f);
    }
#pragma unroll
    for (int u = 0; u < together; u++) {
#pragma unroll
      for (int k = 0; k < N; k++) sum[u] += held[u].item[k];
    }
  }
  for (int64_t i = runs * N + thread_of_grid(); i < n; i += stride) sum[0] += x[i];
  const float total = block_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
  if (threadIdx.x == 0) sums[blockIdx.x] = total;
}

__global__ void add_sums(float* y, const float* sums, int blocks) {
  const int i = static_cast<int>(threadIdx.x);
  const float total = block_sum(i < blocks ? sums[i] : 0.0f);
  if (threadIdx.x == 0) *y = total;
}

}  // namespace

void read_bandwidth(Context& context, Out y, View x) {
  constexpr int N = run_size<float>;
  const int64_t n = size_of(x), runs = aligned_for_runs<N>(as<float>(x)) ? n / N : 0;
  const auto blocks = static_cast<int>(min<int64_t>(most_blocks, 1 + n / (N * together * threads)));
  auto* sums = static_cast<float*>(scratch(context, most_blocks * 4));
  launch(context, read_kernel, blocks_for(blocks, 1), dim3(threads), 0, sums, as<float>(x), n, runs);
  launch(context, add_sums, dim3(1), dim3(most_blocks), 0, as<float>(y), sums, blocks);
}

}  // namespace ettin::ETTIN_LEVEL
