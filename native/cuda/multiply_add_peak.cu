// multiply_add_peak: the most multiply-adds that the device does, for benchmarks to measure against.
//
//   y [2]: the operations done (a multiply and an add are two), and a number that keeps the loop alive
//
// The whole GPU works, whatever `threads` says: float32 in the ordinary units, or bfloat16 (`pairs`) in the tensor
// cores by warp-wide products of 16-bit tiles. From sm_90 on these reach about two thirds of what warp groups' products
// do.
#include "level.h"
#include "ptx.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int threads = 256, blocks_at_once = 8, accumulators = 16, tiles = 8;

// Rounds of `steps` on accumulators that stay in registers, with enough of them to hide the latency.
__global__ void __launch_bounds__(threads) multiply_add_floats(float* rest, int64_t steps) {
  float x[accumulators];
#pragma unroll
  for (int a = 0; a < accumulators; a++) x[a] = static_cast<float>(a + 1);
  for (int64_t i = 0; i < steps; i++) {
#pragma unroll
    for (int a = 0; a < accumulators; a++) x[a] = fmaf(x[a], 0.5f, 0.25f);  // a number of ordinary size
  }
  float sum = 0.0f;
#pragma unroll
  for (int a = 0; a < accumulators; a++) sum += x[a];
  rest[thread_of_grid()] = sum;
}

__global__ void __launch_bounds__(threads) multiply_add_tiles(float* rest, int64_t steps) {
  constexpr uint32_t small = 0x34003400;  // two bfloat16 of 2^-23
  const uint32_t a[4] = {small, small, small, small}, b[2] = {small, small};
  float c[tiles][4] = {};
  for (int64_t i = 0; i < steps; i++) {
#pragma unroll
    for (int t = 0; t < tiles; t++) mma_bf16(c[t], a, b);
  }
  float sum = 0.0f;
#pragma unroll
  for (int t = 0; t < tiles; t++) sum += c[t][0] + c[t][1] + c[t][2] + c[t][3];
  rest[thread_of_grid()] = sum;
}

__global__ void report(float* y, const float* rest, float operations) {
  if (threadIdx.x != 0) return;
  y[0] = operations;
  y[1] = rest[0];
}

}  // namespace

void multiply_add_peak(Context& context, Out y, bool pairs, int64_t, int64_t steps) {
  const int64_t blocks = int64_t{multiprocessors(context)} * blocks_at_once;
  auto* rest = static_cast<float*>(scratch(context, blocks * threads * 4));
  launch(context, pairs ? multiply_add_tiles : multiply_add_floats, blocks_for(blocks, 1), dim3(threads), 0, rest,
         steps);
  const int64_t of_a_block = pairs ? threads / warp * tiles * (2 * 16 * 8 * 16) : threads * accumulators * 2;
  const double operations = static_cast<double>(blocks) * static_cast<double>(steps * of_a_block);
  launch(context, report, dim3(1), dim3(warp), 0, as<float>(y), rest, static_cast<float>(operations));
}

}  // namespace ettin::ETTIN_LEVEL
