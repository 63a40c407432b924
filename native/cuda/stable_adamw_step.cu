// stable_adamw_step: AdamW whose learning rate is lowered, tensor by tensor, where the second moment lags behind
// the gradients (StableAdamW, https://arxiv.org/abs/2304.13013), with debiased moments as the optimi library.
//
//   b = (beta - beta^step) / (1 - beta^step)                       for beta1 and beta2: no correction later
//   m <- b1 m + (1 - b1) g            v <- b2 v + (1 - b2) g^2     g clipped first, as in adamw_step
//   r = sqrt(mean over the tensor of g^2 / max(v, eps^2))          with the new v
//   rate = learning_rate / max(1, r)
//   p <- p (1 - rate weight_decay) - rate m / (sqrt(v) + eps)
//
//   parameters, first (m), second (v), gradients: lists of equal length and shapes, float32; step counts from 1
//
// `weight_decay` is per unit of learning rate: for fully decoupled decay the caller divides it by the peak rate.
// r needs the whole tensor before any of it changes, hence three launches: sums of chunks, the rates, the update.
// A norm that is not finite changes nothing.
#include <math.h>

#include "adam_update.h"

namespace ettin::ETTIN_LEVEL {

namespace {

struct Rate {
  float shrink, rate;
};

// Sums over chunks of g^2 / max(v, eps^2), v being what the update will make of it.
__global__ void surprise(double* sums, AdamGroup group, Clip clipping, AdamUpdate u) {
  const float clip = clipping.factor();
  if (clip < 0.0f) return;
  const auto part = group.part(static_cast<int>(blockIdx.x));
  const float* v = group.at<const float>(2, part);
  const float* g = group.at<const float>(3, part);
  const float floor = fmaxf(u.eps * u.eps, 1e-38f);  // never 0 / 0
  float sum = 0.0f;
  const auto add = [&](float vi, float gi) {
    gi = __fmul_rn(gi, clip);
    sum += gi * gi / fmaxf(second_moment(vi, gi, u), floor);
  };
  constexpr int P = Pack<float>::size;
  const int n = static_cast<int>(part.size), first = static_cast<int>(threadIdx.x);
  const bool aligned = (reinterpret_cast<uintptr_t>(v) | reinterpret_cast<uintptr_t>(g)) % 16 == 0;
  const int packs = aligned ? n / P : 0;
  for (int i = first; i < packs; i += adam_threads) {
    const Pack<float> vi = load_pack(v + i * P), gi = load_pack(g + i * P);
#pragma unroll
    for (int k = 0; k < P; k++) add(vi.item[k], gi.item[k]);
  }
  for (int i = packs * P + first; i < n; i += adam_threads) add(v[i], g[i]);
  const double all = block_sum(static_cast<double>(sum));
  if (threadIdx.x == 0) sums[group.before + blockIdx.x] = all;
}

// One block, one tensor.
__global__ void lower_rates(Rate* rates, const double* sums, AdamGroup group, Clip clipping, double learning_rate,
                            double weight_decay) {
  if (clipping.factor() < 0.0f) return;
  const int tensor = static_cast<int>(blockIdx.x);
  const int blocks = group.first_block[tensor + 1] - group.first_block[tensor];
  sums += group.before + group.first_block[tensor];
  double sum = 0.0;
  for (int i = static_cast<int>(threadIdx.x); i < blocks; i += static_cast<int>(blockDim.x)) sum += sums[i];
  sum = block_sum(sum);
  if (threadIdx.x != 0) return;
  const double r = blocks ? sqrt(sum / static_cast<double>(group.size[tensor])) : 0.0;
  const double rate = learning_rate / max(1.0, r);
  rates[group.first + tensor] = {static_cast<float>(1.0 - rate * weight_decay), static_cast<float>(rate)};
}

__global__ void update_chunks(AdamGroup group, const Rate* rates, Clip clipping, AdamUpdate update) {
  const float clip = clipping.factor();
  if (clip < 0.0f) return;
  const auto part = group.part(static_cast<int>(blockIdx.x));
  const Rate rate = rates[group.first + part.tensor];
  update.shrink = rate.shrink;
  update.rate = rate.rate;
  adam_update(group, part, clip, update);
}

}  // namespace

void stable_adamw_step(Context& context, InOuts parameters, InOuts first, InOuts second, Views gradients, Optional norm,
                       double max_norm, double learning_rate, double beta1, double beta2, double eps,
                       double weight_decay, int64_t step) {
  const double k = static_cast<double>(step);
  const double power1 = ::pow(beta1, k), power2 = ::pow(beta2, k);
  const AdamUpdate shared = {
      .shrink = 1.0f,
      .new1 = static_cast<float>((1.0 - beta1) / (1.0 - power1)),  // 1 - b1
      .keep2 = static_cast<float>((beta2 - power2) / (1.0 - power2)),
      .new2 = static_cast<float>((1.0 - beta2) / (1.0 - power2)),
      .root = 1.0f,
      .eps = static_cast<float>(eps),
      .rate = 0.0f,
  };
  const Clip clip = clip_of(norm, max_norm);
  const int64_t blocks = blocks_of(parameters.count, parameters.items, adam_chunk);
  auto* sums = static_cast<double*>(scratch(context, blocks * static_cast<int64_t>(sizeof(double))));
  auto* rates = static_cast<Rate*>(scratch(context, parameters.count * static_cast<int64_t>(sizeof(Rate))));
  each_adam_group(parameters, first, second, gradients, [&](const AdamGroup& group, int64_t count) {
    const auto grid = dim3(static_cast<unsigned>(count));
    launch(context, surprise, grid, dim3(adam_threads), 0, sums, group, clip, shared);
    launch(context, lower_rates, dim3(static_cast<unsigned>(group.count)), dim3(adam_threads), 0, rates, sums, group,
           clip, learning_rate, weight_decay);
    launch(context, update_chunks, grid, dim3(adam_threads), 0, group, rates, clip, shared);
  });
}

}  // namespace ettin::ETTIN_LEVEL
