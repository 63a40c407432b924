// adamw_step: one AdamW step over a list of parameters, as torch.optim.AdamW (decoupled weight decay).
//
//   g <- g * min(1, max_norm / (norm + 1e-6))                  where a norm is given
//   m <- m + (1 - beta1) (g - m)      v <- beta2 v + (1 - beta2) g^2
//   p <- p (1 - learning_rate weight_decay) - learning_rate / (1 - beta1^step) m / (sqrt(v / (1 - beta2^step)) + eps)
//
//   parameters, first (m), second (v), gradients: lists of equal length and shapes, float32; step counts from 1
//
// Reads and writes each array once: 28 bytes a parameter. A norm that is not finite changes nothing; it is read on the
// device, so the step is queued before the norm is known.
#include <math.h>

#include "adam_update.h"

namespace ettin::ETTIN_LEVEL {

namespace {

__global__ void update_chunks(AdamGroup group, Clip clipping, AdamUpdate update) {
  const float clip = clipping.factor();
  if (clip < 0.0f) return;
  adam_update(group, group.part(static_cast<int>(blockIdx.x)), clip, update);
}

}  // namespace

void adamw_step(Context& context, InOuts parameters, InOuts first, InOuts second, Views gradients, Optional norm,
                double max_norm, double learning_rate, double beta1, double beta2, double eps, double weight_decay,
                int64_t step) {
  const double k = static_cast<double>(step);
  const AdamUpdate update = {
      .shrink = static_cast<float>(1.0 - learning_rate * weight_decay),
      .new1 = static_cast<float>(1.0 - beta1),
      .keep2 = static_cast<float>(beta2),
      .new2 = static_cast<float>(1.0 - beta2),
      .root = static_cast<float>(__builtin_sqrt(1.0 - ::pow(beta2, k))),
      .eps = static_cast<float>(eps),
      .rate = static_cast<float>(learning_rate / (1.0 - ::pow(beta1, k))),
  };
  const Clip clip = clip_of(norm, max_norm);
  each_adam_group(parameters, first, second, gradients, [&](const AdamGroup& group, int64_t blocks) {
    launch(context, update_chunks, dim3(static_cast<unsigned>(blocks)), dim3(adam_threads), 0, group, clip, update);
  });
}

}  // namespace ettin::ETTIN_LEVEL
