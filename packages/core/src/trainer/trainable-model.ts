import type { Device } from "../device.ts";
import type { ParameterEntry } from "../nn/parameter-set.ts";

/** What the loop needs of a model: every `PreTrainedModel` has it. */
export interface TrainableModel {
  /** Parameters with what they are called in a file. */
  entries(): readonly ParameterEntry[];
  /** Writes a folder from which the model can be loaded. */
  savePretrained(folder: string): Promise<void>;
  /**
   * Takes over the weights of a folder that `savePretrained` wrote.
   *
   * @default the folder's safetensors are read under the names that `entries` gives
   */
  loadWeights?(folder: string): Promise<void>;
  readonly device: Device;
  gradientCheckpointing: boolean;
  computeDtype: "float32" | "bfloat16";
}
