import type { TrainableModel } from "./trainable-model.ts";
import type { TrainingArguments } from "./training-arguments.ts";

/**
 * Sets a model's computing type and checkpointing for a run.
 *
 * @returns puts back what the model had
 */
export function applyComputeSettings(
  model: TrainableModel,
  { bf16, fp16, gradientCheckpointing }: TrainingArguments,
  notice: (text: string) => void,
): () => void {
  const before = { computeDtype: model.computeDtype, gradientCheckpointing: model.gradientCheckpointing };
  if (gradientCheckpointing) model.gradientCheckpointing = true;
  if (bf16 || fp16) {
    const asked = bf16 ? "bf16" : "fp16";
    const { name, backend } = model.device;
    if (backend.capabilities.bfloat16Products) {
      if (!bf16) notice("fp16 runs as bfloat16, which has float32's range.");
      model.computeDtype = "bfloat16";
    } else {
      notice(`${asked} is on, but ${name} has no bfloat16 instructions: float32 is used.`);
      model.computeDtype = "float32";
    }
  }
  return () => {
    model.gradientCheckpointing = before.gradientCheckpointing;
    if (model.computeDtype !== before.computeDtype) model.computeDtype = before.computeDtype;
  };
}
