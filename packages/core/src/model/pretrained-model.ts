import type { Device, DeviceName } from "../device.ts";
import { EngineError } from "../errors.ts";
import { checkOptionNames } from "../known-options.ts";
import { CopiedParameters } from "../nn/copied-parameters.ts";
import { DrawnParameters } from "../nn/drawn-parameters.ts";
import type { ParameterEntry } from "../nn/parameter-set.ts";
import type { ParameterSource } from "../nn/parameter-source.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import { type ConfigChanges, changedConfig } from "./config-changes.ts";
import { type FromPretrainedOptions, findFolder } from "./find-folder.ts";
import { loadModel, readFolderConfig } from "./load-model.ts";
import type { ModelKind } from "./model-kind.ts";
import { type SaveOptions, saveModel } from "./save-model.ts";

export interface FromConfigOptions {
  /**
   * The same seed draws the same weights.
   *
   * @default 0
   */
  seed?: number;
  /** @default "float32" */
  dtype?: "float32" | "bfloat16";
  /** @default the default device */
  device?: Device | DeviceName;
}

/** What was not as the model expects in the file that it was loaded from. */
export interface LoadReport {
  /** Parameters that the file lacks; they were drawn at random. */
  readonly missing: readonly string[];
  /** Tensors of the file that the model has no use for. */
  readonly unexpected: readonly string[];
  /** Sentences for a person about these and about other things that were decided. */
  readonly notices: readonly string[];
}

/** Settings that a model shares with the base model inside it. */
export interface Runtime {
  computeDtype: "float32" | "bfloat16" | null;
  gradientCheckpointing: boolean;
}

/** A class of models: what its static methods need of it. */
export interface ModelClass<M, C extends ModelConfig> {
  new (config: C, source: ParameterSource, runtime?: Runtime): M;
  readonly kind: ModelKind<C>;
  readonly prototype: M;
}

/**
 * A model with its parameters: made by `fromConfig` or `fromPretrained`, saved by `savePretrained`, freed by
 * `dispose`.
 */
export abstract class PreTrainedModel<C extends ModelConfig = ModelConfig> {
  /** The class's name in `config.json`. */
  abstract readonly architecture: string;
  private settings: C;
  private readonly source: ParameterSource;
  private someParameter: Tensor | null = null;
  protected readonly runtime: Runtime;
  /** What the file did not have, or had too much; empty for a model made from a configuration. */
  loadReport: LoadReport = { missing: [], unexpected: [], notices: [] };

  constructor(
    config: C,
    source: ParameterSource,
    runtime: Runtime = { computeDtype: null, gradientCheckpointing: false },
  ) {
    this.settings = config;
    this.source = source;
    this.runtime = runtime;
  }

  /**
   * A model with random weights, drawn by the training recipe. A base model draws the same weights alone and under a
   * head.
   *
   * @param config a configuration, a part of one (the rest has the defaults), or a name such as "ettin-encoder-17m"
   */
  static fromConfig<M extends PreTrainedModel<C>, C extends ModelConfig>(
    this: ModelClass<M, C>,
    config: ConfigChanges<C> | string,
    options: FromConfigOptions = {},
  ): M {
    // biome-ignore lint/complexity/noThisInStatic: the class that the caller named
    return drawModel(this, config, options);
  }

  /**
   * A model with the weights of a folder or of a repository on the hub. A head that they lack is drawn at random and
   * reported in `loadReport`. A folder of the other kind is read on request: `ModernBertDecoderForCausalLM` reads an
   * encoder's folder, and the other way round, since only the mask and a few names differ.
   *
   * @param idOrFolder a folder's path, or "owner/name"
   * @throws EngineError naming file and field, where configuration and weights contradict each other or the model
   */
  static async fromPretrained<M extends PreTrainedModel<C>, C extends ModelConfig>(
    this: ModelClass<M, C>,
    idOrFolder: string,
    options: FromPretrainedOptions<C> = {},
  ): Promise<M> {
    // biome-ignore lint/complexity/noThisInStatic: the class that the caller named
    return loadModel(this, await readFolderConfig(await findFolder(idOrFolder, options)), options);
  }

  /**
   * Writes `config.json` and the weights as transformers does, so that its versions 4.57 and 5 read them; for a causal
   * language model `generation_config.json` too.
   */
  savePretrained(folder: string, options: SaveOptions = {}): Promise<void> {
    return saveModel(this, this.kind, folder, options);
  }

  /** The family that this class belongs to. */
  get kind(): ModelKind<C> {
    return (this.constructor as unknown as { kind: ModelKind<C> }).kind;
  }

  get config(): C {
    return this.settings;
  }

  protected set config(config: C) {
    this.settings = config;
  }

  /** Parameters by their names; fused projections are one. In the order of the layers. */
  get namedParameters(): ReadonlyMap<string, Tensor> {
    return new Map(this.entries().map(({ name, tensor }) => [name, tensor]));
  }

  parameters(): Tensor[] {
    return this.entries().map(({ tensor }) => tensor);
  }

  /** Parameters with what they are called in a file. */
  entries(): ParameterEntry[] {
    return this.source.made.under(this.source.prefix);
  }

  /** The number of weights; tied ones count once. */
  get parameterCount(): number {
    return this.parameters().reduce((sum, { size }) => sum + size, 0);
  }

  /** Of activations and products. "bfloat16" with float32 weights is mixed precision. @default the weights' dtype */
  get computeDtype(): "float32" | "bfloat16" {
    return this.runtime.computeDtype ?? (this.weightDtype as "float32" | "bfloat16");
  }

  set computeDtype(dtype: "float32" | "bfloat16") {
    if (dtype !== "float32" && dtype !== "bfloat16") {
      throw new EngineError("computeDtype", `"${dtype}" is unknown`, 'Use "float32" or "bfloat16".');
    }
    this.runtime.computeDtype = dtype;
  }

  /** Whether training keeps only each layer's input and computes the rest again for the gradients. @default false */
  get gradientCheckpointing(): boolean {
    return this.runtime.gradientCheckpointing;
  }

  set gradientCheckpointing(on: boolean) {
    this.runtime.gradientCheckpointing = on;
  }

  get device(): Device {
    return this.anyParameter.device;
  }

  private get weightDtype(): string {
    return this.anyParameter.dtype;
  }

  /** All lie on one device and have one dtype. Kept, because each step of generation asks. */
  private get anyParameter(): Tensor {
    this.someParameter ??= this.parameters()[0]!;
    return this.someParameter;
  }

  /** A second model with the same weights in memory of their own: it is trained and disposed apart. */
  copy(): this {
    const Model = this.constructor as unknown as ModelClass<this, C>;
    return new Model(this.config, new CopiedParameters(this.source.made, this.source.prefix), { ...this.runtime });
  }

  /** Frees the parameters. The model is of no use afterwards. */
  dispose(): void {
    for (const tensor of this.parameters()) tensor.dispose();
  }
}

function drawModel<M extends PreTrainedModel<C>, C extends ModelConfig>(
  Model: ModelClass<M, C>,
  config: ConfigChanges<C> | string,
  options: FromConfigOptions,
): M {
  checkOptionNames("fromConfig", options, ["seed", "dtype", "device"]);
  const { seed = 0, dtype = "float32", device } = options;
  if (!Number.isSafeInteger(seed)) throw new EngineError("fromConfig", `seed is ${seed}`, "Give a whole number.");
  const source = new DrawnParameters({ seed, dtype, device }, `${Model.kind.basePrefix}.`);
  const { kind } = Model;
  const whole = typeof config === "string" ? kind.complete(config) : changedConfig("fromConfig", kind, config);
  return new Model(whole, source);
}
