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
// r needs the whole tensor before any of it changes, hence two passes: the first only reads.
// A norm that is not finite changes nothing.
#include <math.h>

#include "adam_update.h"
#include "parameter_chunks.h"

namespace ettin::ETTIN_LEVEL {

// Sum of g^2 / max(v, eps^2) over a piece, v being what the update will make of it.
static double surprise(const float* v, const float* g, int64_t n, const AdamUpdate& u) {
  // The floor is never zero: the lanes past the end must add 0, not 0 / 0.
  const vf clip = set(u.clip), keep2 = set(u.keep2), new2 = set(u.new2), floor = set(max(u.eps * u.eps, 1e-38f));
  double total = 0.0;
  for (int64_t block = 0; block < n; block += 1024) {
    const int64_t end = min(n, block + 1024);
    vf sum = zero();
    for (int64_t i = block; i < end; i += lanes) {
      const vf gi = mul(load(g + i, end - i), clip);
      const vf vi_ = fma(mul(new2, gi), gi, mul(keep2, load(v + i, end - i)));
      sum = add(sum, div(mul(gi, gi), max(vi_, floor)));
    }
    total += static_cast<double>(reduce_add(sum));
  }
  return total;
}

void stable_adamw_step(Context& context, InOuts parameters, InOuts first, InOuts second, Views gradients, Optional norm,
                       double max_norm, double learning_rate, double beta1, double beta2, double eps,
                       double weight_decay, int64_t step) {
  const float clip = clip_factor(norm, max_norm);
  if (clip < 0.0f) return;

  const double k = static_cast<double>(step);
  const double power1 = ::pow(beta1, k), power2 = ::pow(beta2, k);
  const AdamUpdate shared = {
      .clip = clip,
      .shrink = 1.0f,
      .new1 = static_cast<float>((1.0 - beta1) / (1.0 - power1)),  // 1 - b1
      .keep2 = static_cast<float>((beta2 - power2) / (1.0 - power2)),
      .new2 = static_cast<float>((1.0 - beta2) / (1.0 - power2)),
      .root = 1.0f,
      .eps = static_cast<float>(eps),
      .rate = 0.0f,
  };
  const Chunks chunks = chunks_of(context, parameters.count, parameters.items);
  double* sums = static_cast<double*>(scratch(context, chunks.count * static_cast<int64_t>(sizeof(double))));
  parallel_for(context, chunks.count, [&](int64_t task, int) {
    const Chunk c = chunks.items[task];
    sums[task] = surprise(as<float>(second.items[c.tensor]) + c.begin, as<float>(gradients.items[c.tensor]) + c.begin,
                          c.end - c.begin, shared);
  });

  double* rates = static_cast<double*>(scratch(context, parameters.count * static_cast<int64_t>(sizeof(double))));
  for (int64_t t = 0, chunk = 0; t < parameters.count; t++) {
    double sum = 0.0;
    for (; chunk < chunks.count && chunks.items[chunk].tensor == t; chunk++) sum += sums[chunk];
    const int64_t n = size_of(parameters.items[t]);
    const double r = n ? __builtin_sqrt(sum / static_cast<double>(n)) : 0.0;
    rates[t] = learning_rate / max(1.0, r);
  }
  parallel_for(context, chunks.count, [&](int64_t task, int) {
    const Chunk c = chunks.items[task];
    AdamUpdate update = shared;
    update.shrink = static_cast<float>(1.0 - rates[c.tensor] * weight_decay);
    update.rate = static_cast<float>(rates[c.tensor]);
    adam_update(as<float>(parameters.items[c.tensor]) + c.begin, as<float>(first.items[c.tensor]) + c.begin,
                as<float>(second.items[c.tensor]) + c.begin, as<float>(gradients.items[c.tensor]) + c.begin,
                c.end - c.begin, update);
  });
}

}  // namespace ettin::ETTIN_LEVEL
