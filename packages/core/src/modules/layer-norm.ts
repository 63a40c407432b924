import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Device, type DeviceName, resolveDevice } from "../device.ts";
import { EngineError } from "../errors.ts";
import { saveWeights } from "../hub/save-weights.ts";
import { storedWeight } from "../hub/stored-weight.ts";
import { readJson } from "../model/read-json.ts";
import type { ParameterEntry } from "../nn/parameter-set.ts";
import { layerNorm } from "../ops/layer-norm.ts";
import { copiedParameter, parameter } from "../tensor/parameter.ts";
import { Tensor } from "../tensor/tensor.ts";
import { requireTensor } from "./features.ts";
import { type Module, type ModuleFeatures, withTensor } from "./module.ts";
import { type ModuleLoad, moduleWeights } from "./module-weights.ts";

const NAME = "sentence_embedding";

export interface LayerNormOptions {
  /** Numbers in an embedding. */
  dimension: number;
  /** @default "float32" */
  dtype?: "float32" | "bfloat16";
  /** @default the default device */
  device?: Device | DeviceName;
}

/** Brings each embedding to mean 0 and variance 1, then scales and shifts it: PyTorch's layer norm, eps 1e-5. */
export class LayerNorm implements Module {
  readonly className: string = "LayerNorm";
  readonly savedInRoot: boolean = false;
  readonly dimension: number;
  /** `[dimension]` */
  readonly weight: Tensor;
  /** `[dimension]` */
  readonly bias: Tensor;

  /** @param weights those of a file; without them 1 and 0 */
  constructor(options: LayerNormOptions, weights: { weight: Tensor; bias: Tensor } = fresh(options)) {
    this.dimension = options.dimension;
    this.weight = weights.weight;
    this.bias = weights.bias;
  }

  /**
   * Reads a folder.
   *
   * @throws EngineError where weights are missing, too many or of another shape
   */
  static async fromFolder(folder: string, load: ModuleLoad): Promise<LayerNorm> {
    const file = join(folder, "config.json");
    const dimension = (await readJson("fromPretrained", file))?.dimension;
    if (!(Number.isInteger(dimension) && (dimension as number) > 0)) {
      const found = JSON.stringify(dimension) ?? "missing";
      throw new EngineError("fromPretrained", `dimension in ${file} is ${found}`, "Write a whole number.");
    }
    const shape = [dimension as number];
    const stored = await moduleWeights("LayerNorm", folder, load, { "norm.weight": shape, "norm.bias": shape });
    const weights = { weight: stored.get("norm.weight")!, bias: stored.get("norm.bias")! };
    return new LayerNorm({ dimension: dimension as number }, weights);
  }

  get embeddingDimension(): number {
    return this.dimension;
  }

  forward(features: ModuleFeatures): ModuleFeatures {
    const x = requireTensor("LayerNorm", features, NAME);
    return withTensor(features, NAME, layerNorm(x, this.weight, this.bias));
  }

  entries(): readonly ParameterEntry[] {
    return [
      { name: "norm.weight", tensor: this.weight, parts: null },
      { name: "norm.bias", tensor: this.bias, parts: null },
    ];
  }

  /** The same with weights of its own. */
  copy(): LayerNorm {
    const { dimension, weight, bias } = this;
    return new LayerNorm({ dimension }, { weight: copiedParameter(weight), bias: copiedParameter(bias) });
  }

  async save(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "config.json"), JSON.stringify({ dimension: this.dimension }, null, 2));
    const weights = this.entries().map(({ name, tensor }) => storedWeight(name, tensor));
    await saveWeights(folder, weights, { metadata: {} });
  }

  dispose(): void {
    this.weight.dispose();
    this.bias.dispose();
  }
}

function fresh({ dimension, dtype = "float32", device }: LayerNormOptions): { weight: Tensor; bias: Tensor } {
  if (!Number.isInteger(dimension) || dimension < 1) {
    throw new EngineError("LayerNorm", `dimension is ${dimension}`, "Use a whole number from 1.");
  }
  const on = { dtype, device: resolveDevice(device) };
  return { weight: parameter(Tensor.ones([dimension], on)), bias: parameter(Tensor.zeros([dimension], on)) };
}
