// adamw_step: one AdamW step over a list of parameters, as torch.optim.AdamW (decoupled weight decay).
//
//   g <- g * min(1, max_norm / (norm + 1e-6))                  where a norm is given
//   m <- m + (1 - beta1) (g - m)      v <- beta2 v + (1 - beta2) g^2
//   p <- p (1 - learning_rate weight_decay) - learning_rate / (1 - beta1^step) m / (sqrt(v / (1 - beta2^step)) + eps)
//
//   parameters, first (m), second (v), gradients: lists of equal length and shapes, float32; step counts from 1
//
// Reads and writes each array once: the step costs what memory costs. A norm that is not finite changes
// nothing, so a run can stop at the state before the bad step.
#include <math.h>

#include "adam_update.h"
#include "parameter_chunks.h"

namespace ettin::ETTIN_LEVEL {

void adamw_step(Context& context, InOuts parameters, InOuts first, InOuts second, Views gradients, Optional norm,
                double max_norm, double learning_rate, double beta1, double beta2, double eps, double weight_decay,
                int64_t step) {
  const float clip = clip_factor(norm, max_norm);
  if (clip < 0.0f) return;

  const double k = static_cast<double>(step);
  const AdamUpdate update = {
      .clip = clip,
      .shrink = static_cast<float>(1.0 - learning_rate * weight_decay),
      .new1 = static_cast<float>(1.0 - beta1),
      .keep2 = static_cast<float>(beta2),
      .new2 = static_cast<float>(1.0 - beta2),
      .root = static_cast<float>(__builtin_sqrt(1.0 - ::pow(beta2, k))),
      .eps = static_cast<float>(eps),
      .rate = static_cast<float>(learning_rate / (1.0 - ::pow(beta1, k))),
  };
  const Chunks chunks = chunks_of(context, parameters.count, parameters.items);
  parallel_for(context, chunks.count, [&](int64_t task, int) {
    const Chunk c = chunks.items[task];
    adam_update(as<float>(parameters.items[c.tensor]) + c.begin, as<float>(first.items[c.tensor]) + c.begin,
                as<float>(second.items[c.tensor]) + c.begin, as<float>(gradients.items[c.tensor]) + c.begin,
                c.end - c.begin, update);
  });
}

}  // namespace ettin::ETTIN_LEVEL
