import { randomBytes } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { saveWeights } from "../hub/save-weights.ts";
import { storedWeight } from "../hub/stored-weight.ts";
import type { ModelConfig } from "./config.ts";
import { configText } from "./config-text.ts";
import { isGenerative } from "./generative.ts";
import type { ModelKind } from "./model-kind.ts";
import type { PreTrainedModel } from "./pretrained-model.ts";

/** The release whose files ours follow. */
const FOLLOWED = "5.17.0";

export interface SaveOptions {
  /**
   * Most bytes of weights in one file: a number, or a string such as "5GB".
   *
   * @default "50GB"
   */
  maxShardSize?: number | string;
}

/** Writes configuration and weights of a model to a folder, as transformers does. */
export async function saveModel<C extends ModelConfig>(
  model: PreTrainedModel<C>,
  kind: ModelKind<C>,
  folder: string,
  options: SaveOptions,
): Promise<void> {
  const dtype = model.parameters()[0]!.dtype as "float32" | "bfloat16";
  await mkdir(folder, { recursive: true });
  await saveWeights(folder, weightsOf(model), options);
  await writeJson(join(folder, "config.json"), {
    ...kind.writeConfig({ ...model.config, dtype }),
    architectures: [model.architecture],
    transformers_version: FOLLOWED,
  });
  if (isGenerative(model)) {
    await writeJson(join(folder, "generation_config.json"), model.generationConfig ?? derivedGeneration(model.config));
  }
}

function* weightsOf(model: PreTrainedModel): Generator<ReturnType<typeof storedWeight>> {
  for (const { name, tensor, parts } of model.entries()) {
    if (!parts) yield storedWeight(name, tensor);
    for (const part of parts ?? []) {
      yield storedWeight(part.name, tensor, { rows: [part.start, part.start + part.rows] });
    }
  }
}

function derivedGeneration(config: ModelConfig): Record<string, unknown> {
  const { bosTokenId, eosTokenId, padTokenId } = config;
  const ids = { bos_token_id: bosTokenId, eos_token_id: eosTokenId, pad_token_id: padTokenId };
  return {
    _from_model_config: true,
    ...Object.fromEntries(Object.entries(ids).filter(([, id]) => id !== null)),
    transformers_version: FOLLOWED,
  };
}

/** The file appears at once. */
async function writeJson(path: string, value: object): Promise<void> {
  const beside = `${path}.${process.pid}-${randomBytes(4).toString("hex")}.partial`;
  await writeFile(beside, configText(value));
  await rename(beside, path);
}
