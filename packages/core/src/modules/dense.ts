import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Device, type DeviceName, resolveDevice } from "../device.ts";
import { EngineError } from "../errors.ts";
import { saveWeights } from "../hub/save-weights.ts";
import { storedWeight } from "../hub/stored-weight.ts";
import { readJson } from "../model/read-json.ts";
import { drawInitial } from "../nn/draw.ts";
import type { ParameterEntry } from "../nn/parameter-set.ts";
import { add } from "../ops/add.ts";
import { linear } from "../ops/linear.ts";
import { copiedParameter, parameter } from "../tensor/parameter.ts";
import { tensorScope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { activationPath, type ModuleActivation, moduleActivation, readActivation } from "./activations.ts";
import { requireTensor } from "./features.ts";
import { type Module, type ModuleFeatures, withTensor } from "./module.ts";
import { type ModuleLoad, moduleWeights } from "./module-weights.ts";
import { savedNames, tensorNames } from "./normalize.ts";

export interface DenseOptions {
  inFeatures: number;
  outFeatures: number;
  /** @default true */
  bias?: boolean;
  /** @default "Tanh" */
  activation?: ModuleActivation;
  /** Adds the input to the result, projected where the widths differ. @default false */
  useResidual?: boolean;
  /** The tensor that it reads. @default "sentence_embedding" */
  inputName?: string;
  /** The tensor that it makes. @default inputName */
  outputName?: string;
  /** Draws the weights. @default 0 */
  seed?: number;
  /** @default "float32" */
  dtype?: "float32" | "bfloat16";
  /** @default the default device */
  device?: Device | DeviceName;
}

/** The parameters of a Dense module. */
interface DenseWeights {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  readonly residual: Tensor | null;
}

/** A projection with an activation: `y = act(x · Wᵀ + b)`, plus the input where `useResidual` is on. */
export class Dense implements Module {
  readonly className: string = "Dense";
  readonly savedInRoot: boolean = false;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly activation: ModuleActivation;
  readonly useResidual: boolean;
  readonly inputName: string;
  readonly outputName: string;
  /** `[out, in]` */
  readonly weight: Tensor;
  /** `[out]` */
  readonly bias: Tensor | null;
  /** `[out, in]`: what projects the input that is added. */
  readonly residual: Tensor | null;
  private readonly act: (x: Tensor) => Tensor;

  /** @param weights those of a file; without them they are drawn at random, with the variance that PyTorch gives to linear layers */
  constructor(options: DenseOptions, weights: DenseWeights = drawn(options)) {
    const { inFeatures, outFeatures, activation = "Tanh", useResidual = false } = options;
    const { inputName = "sentence_embedding", outputName = inputName } = options;
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.activation = activation;
    this.useResidual = useResidual;
    this.inputName = inputName;
    this.outputName = outputName;
    this.weight = weights.weight;
    this.bias = weights.bias;
    this.residual = weights.residual;
    this.act = moduleActivation("Dense", activation);
  }

  /**
   * Reads a folder.
   *
   * @throws EngineError where weights are missing, too many or of another shape
   */
  static async fromFolder(folder: string, load: ModuleLoad): Promise<Dense> {
    const options = await readOptions(folder, load);
    const { inFeatures, outFeatures, bias = true, useResidual = false } = options;
    const projected = useResidual && inFeatures !== outFeatures;
    const weights = await moduleWeights("Dense", folder, load, {
      "linear.weight": [outFeatures, inFeatures],
      ...(bias && { "linear.bias": [outFeatures] }),
      ...(projected && { "residual.weight": [outFeatures, inFeatures] }),
    });
    return new Dense(options, {
      weight: weights.get("linear.weight")!,
      bias: weights.get("linear.bias") ?? null,
      residual: weights.get("residual.weight") ?? null,
    });
  }

  get embeddingDimension(): number {
    return this.outFeatures;
  }

  forward(features: ModuleFeatures): ModuleFeatures {
    const x = requireTensor("Dense", features, this.inputName);
    const y = tensorScope(() => {
      const projected = this.act(linear(x, this.weight, this.bias));
      if (!this.useResidual) return projected;
      return add(projected, this.residual ? linear(x, this.residual) : x);
    });
    return withTensor(features, this.outputName, y);
  }

  entries(): readonly ParameterEntry[] {
    const all: [string, Tensor | null][] = [
      ["linear.weight", this.weight],
      ["linear.bias", this.bias],
      ["residual.weight", this.residual],
    ];
    return all.flatMap(([name, tensor]) => (tensor ? [{ name, tensor, parts: null }] : []));
  }

  /** The same with weights of its own. */
  copy(): Dense {
    const [weight, bias, residual] = [this.weight, this.bias, this.residual].map(
      (tensor) => tensor && copiedParameter(tensor),
    );
    return new Dense(
      { ...this, bias: bias !== null },
      { weight: weight!, bias: bias ?? null, residual: residual ?? null },
    );
  }

  async save(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    const config = {
      in_features: this.inFeatures,
      out_features: this.outFeatures,
      bias: this.bias !== null,
      activation_function: activationPath(this.activation),
      ...savedNames(this),
      ...(this.useResidual && { use_residual: true }),
    };
    await writeFile(join(folder, "config.json"), JSON.stringify(config, null, 2));
    await saveWeights(
      folder,
      this.entries().map(({ name, tensor }) => storedWeight(name, tensor)),
      { metadata: {} },
    );
  }

  dispose(): void {
    for (const { tensor } of this.entries()) tensor.dispose();
  }
}

async function readOptions(folder: string, { onNotice }: ModuleLoad): Promise<DenseOptions> {
  const where = "fromPretrained";
  const file = join(folder, "config.json");
  const json = (await readJson(where, file)) ?? {};
  const size = (key: string): number => {
    const value = json[key];
    if (Number.isInteger(value) && (value as number) > 0) return value as number;
    throw new EngineError(where, `${key} in ${file} is ${JSON.stringify(value) ?? "missing"}`, "Write a whole number.");
  };
  const path = json.activation_function;
  const activation = typeof path === "string" ? readActivation(where, path) : "Tanh";
  if (activation === null) {
    onNotice?.(`activation_function in ${file} is ${JSON.stringify(path)}, which is not PyTorch's: Tanh is used.`);
  }
  return {
    inFeatures: size("in_features"),
    outFeatures: size("out_features"),
    bias: json.bias !== false,
    activation: activation ?? "Tanh",
    useResidual: json.use_residual === true,
    ...tensorNames(json),
  };
}

function drawn(options: DenseOptions): DenseWeights {
  const { inFeatures, outFeatures, bias = true, useResidual = false, seed = 0, dtype = "float32", device } = options;
  for (const size of [inFeatures, outFeatures]) {
    if (!Number.isInteger(size) || size < 1) {
      throw new EngineError("Dense", `it goes from ${inFeatures} to ${outFeatures} features`, "Use whole numbers.");
    }
  }
  const init = { kind: "normal", std: Math.sqrt(1 / (3 * inFeatures)) } as const;
  const on = { dtype, device: resolveDevice(device) };
  const draw = (name: string, shape: readonly number[]) => parameter(drawInitial(shape, init, { seed, name, ...on }));
  return {
    weight: draw("linear.weight", [outFeatures, inFeatures]),
    bias: bias ? draw("linear.bias", [outFeatures]) : null,
    residual: useResidual && inFeatures !== outFeatures ? draw("residual.weight", [outFeatures, inFeatures]) : null,
  };
}
