// global_norm: the Euclidean norm of all gradients taken as one vector.
//
//   norm[] = sqrt(sum over every element of every gradient of g^2)
//
//   gradients float32 or bfloat16, any shapes; norm a float32 scalar
//
// Squares are added in float32 over 32 elements of a thread, then in double: over a block, then over the blocks. A
// gradient that is infinite or NaN, or whose square overflows, makes the norm infinite or NaN.
#include "row_walk.h"
#include "tensor_groups.h"

namespace ettin::ETTIN_LEVEL {

namespace {

constexpr int most_tensors = 128;
constexpr int threads = 256;
constexpr int64_t chunk = 32 * threads;
using Gradients = TensorGroup<1, most_tensors>;

template <class T>
__device__ __forceinline__ float sum_of_squares(const T* g, int n) {
  float sums[2] = {0.0f, 0.0f};
  walk_row(g, n, static_cast<int>(threadIdx.x), threads, [&]<int P>(int, const float(&v)[P]) {
#pragma unroll
    for (int k = 0; k < P; k++) sums[k % 2] = fmaf(v[k], v[k], sums[k % 2]);
  });
  return sums[0] + sums[1];
}

__global__ void square_chunks(double* sums, Gradients gradients) {
  const auto part = gradients.part(static_cast<int>(blockIdx.x));
  const int n = static_cast<int>(part.size);
  const float mine = gradients.half[part.tensor] ? sum_of_squares(gradients.at<const bf16>(0, part), n)
                                                 : sum_of_squares(gradients.at<const float>(0, part), n);
  const double sum = block_sum(static_cast<double>(mine));
  if (threadIdx.x == 0) sums[gradients.before + blockIdx.x] = sum;
}

__global__ void root_of_sum(float* norm, const double* sums, int64_t n) {
  double sum = 0.0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += sums[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) *norm = static_cast<float>(sqrt(sum));
}

}  // namespace

void global_norm(Context& context, Out norm, Views gradients) {
  const int64_t blocks = blocks_of(gradients.count, gradients.items, chunk);
  auto* sums = static_cast<double*>(scratch(context, blocks * static_cast<int64_t>(sizeof(double))));
  each_group<1, most_tensors>(gradients.count, {gradients.items}, chunk, [&](const Gradients& group, int64_t count) {
    launch(context, square_chunks, dim3(static_cast<unsigned>(count)), dim3(threads), 0, sums, group);
  });
  launch(context, root_of_sum, dim3(1), dim3(1024), 0, as<float>(norm), sums, blocks);
}

}  // namespace ettin::ETTIN_LEVEL
