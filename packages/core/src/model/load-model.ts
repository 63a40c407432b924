import { join } from "node:path";
import { type Device, type DeviceName, resolveDevice } from "../device.ts";
import { EngineError } from "../errors.ts";
import { openWeights } from "../hub/open-weights.ts";
import type { StoredTensor } from "../hub/stored-tensor.ts";
import { checkOptionNames } from "../known-options.ts";
import { ParameterSet } from "../nn/parameter-set.ts";
import { CheckpointTensors } from "./checkpoint-tensors.ts";
import type { ModelConfig } from "./config.ts";
import { type ConfigChanges, changedConfig } from "./config-changes.ts";
import type { Json } from "./config-fields.ts";
import type { FromPretrainedOptions } from "./find-folder.ts";
import { isGenerative } from "./generative.ts";
import type { ModelKind } from "./model-kind.ts";
import type { ModelClass, PreTrainedModel } from "./pretrained-model.ts";
import { readJson } from "./read-json.ts";
import { StoredParameters } from "./stored-parameters.ts";
import { settleTies } from "./untie.ts";

/** Of this file, and of the hub, which has used them by now. */
const OPTIONS: readonly (keyof FromPretrainedOptions)[] = [
  ...(["dtype", "device", "config", "seed", "ignoreMismatchedSizes", "onNotice", "signal"] as const),
  ...(["revision", "token", "cacheDir", "endpoint", "localFilesOnly", "onProgress"] as const),
];

/** The configuration of a folder, as its file has it. */
export interface FolderConfig {
  readonly folder: string;
  readonly file: string;
  readonly json: Json;
}

/** Reads `config.json` of a folder. */
export async function readFolderConfig(folder: string): Promise<FolderConfig> {
  const file = join(folder, "config.json");
  const json = await readJson("fromPretrained", file);
  if (!json) {
    throw new EngineError("fromPretrained", `${folder} has no config.json`, "Pass the folder of a saved model.");
  }
  return { folder, file, json };
}

/** Makes a model of a class from a folder. */
export async function loadModel<M extends PreTrainedModel<C>, C extends ModelConfig>(
  Model: ModelClass<M, C>,
  { folder, file, json }: FolderConfig,
  options: LoadOptions<C>,
): Promise<M> {
  checkOptionNames("fromPretrained", options, OPTIONS);
  const { kind } = Model;
  const config = configOf(kind, json, file, options.config);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, stored] of await openWeights(folder)) tensors.set(kind.rename?.(name) ?? name, stored);
  if (config.tieWordEmbeddings) await settleTies(tensors, kind.tied, kind.basePrefix);
  options.signal?.throwIfAborted();

  const checkpoint = new CheckpointTensors(tensors, folder, json, kind);
  const made = new ParameterSet();
  try {
    const source = new StoredParameters(
      checkpoint,
      {
        dtype: dtypeOf(options.dtype ?? "auto", config, tensors),
        device: resolveDevice(options.device),
        seed: options.seed ?? 0,
        ignoreMismatchedSizes: options.ignoreMismatchedSizes ?? false,
      },
      made,
    );
    const model = new Model(config, source);
    model.loadReport = checkpoint.report("model" in model);
    const { onNotice = warn } = options;
    for (const notice of model.loadReport.notices) onNotice(notice);
    if (isGenerative(model)) {
      model.generationConfigFile = join(folder, "generation_config.json");
      model.generationConfig = await readJson("fromPretrained", model.generationConfigFile);
    }
    return model;
  } catch (error) {
    for (const { tensor } of made.under("")) tensor.dispose();
    throw error;
  }
}

const warn = (notice: string): void => process.emitWarning(notice, "ModelLoading");

export interface LoadOptions<C extends ModelConfig = ModelConfig> {
  /**
   * Of the weights in memory: "auto" is the configuration's, else the file's; float16 becomes float32.
   *
   * @default "auto"
   */
  dtype?: "auto" | "float32" | "bfloat16";
  /** @default the default device */
  device?: Device | DeviceName;
  /** Fields to use in place of the file's: the labels of a new task, for instance. */
  config?: ConfigChanges<C>;
  /**
   * Draws what a head needs and the file lacks.
   *
   * @default 0
   */
  seed?: number;
  /**
   * Draws a head's parameter anew where the file has another shape, in place of an error.
   *
   * @default false
   */
  ignoreMismatchedSizes?: boolean;
  /**
   * Takes a sentence for each thing that was not as expected, such as a head that was drawn at random; `loadReport` has
   * them too.
   *
   * @default a warning of the process
   */
  onNotice?: (notice: string) => void;
  signal?: AbortSignal;
}

function configOf<C extends ModelConfig>(
  kind: ModelKind<C>,
  json: Json,
  file: string,
  changes: ConfigChanges<C> | undefined,
): C {
  const type = json.model_type;
  if (type !== undefined && type !== kind.modelType && !kind.related.includes(type as string)) {
    throw new EngineError(
      "fromPretrained",
      `model_type in ${file} is ${JSON.stringify(type)}, but this class reads "${kind.modelType}"`,
      "Use AutoModel, or the class for that kind of model.",
    );
  }
  const config = kind.readConfig(json, file);
  return changes ? changedConfig("fromPretrained", kind, changes, config) : config;
}

function dtypeOf(
  asked: "auto" | "float32" | "bfloat16",
  config: ModelConfig,
  tensors: ReadonlyMap<string, StoredTensor>,
): "float32" | "bfloat16" {
  if (asked === "float32" || asked === "bfloat16") return asked;
  if (asked !== "auto") {
    throw new EngineError("fromPretrained", `dtype is "${asked}"`, 'Use "auto", "float32" or "bfloat16".');
  }
  const first = [...tensors.values()].find(({ dtype }) => /^(F|BF)\d/.test(dtype))?.dtype;
  return (config.dtype ?? (first === "BF16" ? "bfloat16" : "float32")) === "bfloat16" ? "bfloat16" : "float32";
}
