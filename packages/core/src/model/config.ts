import type { Json } from "./config-fields.ts";
import {
  configError,
  expectObject,
  type Fields,
  flag,
  oneOf,
  readFields,
  tokenId,
  tokenIds,
  whole,
} from "./config-fields.ts";

export type ProblemType = "regression" | "single_label_classification" | "multi_label_classification";

/** What every kind of model has in its configuration. Names are those of `config.json` in camelCase. */
export interface ModelConfig {
  readonly modelType: string;
  /** Rows of the embedding table; the tokenizer may know fewer. */
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  /** Key and value heads; fewer than `numAttentionHeads` where queries share them. */
  readonly numKeyValueHeads: number;
  /** Channels of one head. */
  readonly headDim: number;
  /** Width of the MLP between its projections, after the gate. */
  readonly intermediateSize: number;
  /** Tokens of the longest text that the model takes. */
  readonly maxPositionEmbeddings: number;
  readonly padTokenId: number | null;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | readonly number[] | null;
  /** Whether the projection to the vocabulary is the embedding table. */
  readonly tieWordEmbeddings: boolean;
  /** The names of the labels; their number is the width of a classifier. */
  readonly id2label: readonly string[];
  /** What a sequence classifier learns; null: decided by the first labels. */
  readonly problemType: ProblemType | null;
  /** The dtype that the file asks for. */
  readonly dtype: "float32" | "bfloat16" | "float16" | null;
  /** Keys of the file that have no effect here; written back. */
  readonly extra: Json;
}

/** Labels without names, as the library numbers them. */
export const defaultLabels = (count: number): string[] => Array.from({ length: count }, (_, i) => `LABEL_${i}`);

const problemTypes: readonly ProblemType[] = [
  "regression",
  "single_label_classification",
  "multi_label_classification",
];

/** The keys that `readShared` reads. */
export const sharedKeys: readonly string[] = [
  "model_type",
  "architectures",
  "dtype",
  "torch_dtype",
  "transformers_version",
  "id2label",
  "label2id",
  "num_labels",
  "problem_type",
];

/** Labels, problem type and dtype, which all kinds of configuration spell alike. */
export function readShared(json: Json, file: string): Pick<ModelConfig, "id2label" | "problemType" | "dtype"> {
  const problem = oneOf("problem_type", "regression", problemTypes);
  return {
    id2label: readLabels(json, file),
    problemType: json.problem_type == null ? null : readFields({ problem }, json, file).problem,
    dtype: readDtype(json, file),
  };
}

function readLabels(json: Json, file: string): string[] {
  if (json.id2label == null) {
    const count = json.num_labels ?? 2;
    if (!Number.isSafeInteger(count) || (count as number) < 1) {
      throw configError(file, "num_labels", count, "a whole number from 1 on");
    }
    return defaultLabels(count as number);
  }
  const map = expectObject(json.id2label, file, "id2label");
  const labels = Object.keys(map).map((_, i) => map[String(i)]);
  if (labels.length === 0 || labels.some((label) => typeof label !== "string")) {
    throw configError(file, "id2label", map, 'a name for each id: {"0": …, "1": …}');
  }
  return labels as string[];
}

const dtypes = ["float32", "bfloat16", "float16"] as const;

function readDtype(json: Json, file: string): ModelConfig["dtype"] {
  const key = json.dtype != null ? "dtype" : "torch_dtype";
  const value = json[key];
  if (value == null || value === "auto") return null;
  const found = dtypes.find((name) => value === name || value === `torch.${name}`);
  if (!found) throw configError(file, key, value, `one of ${dtypes.join(", ")}`);
  return found;
}

/** The shared keys as a file has them: labels only where they say something. */
export function writeShared(config: Partial<ModelConfig>): Record<string, unknown> {
  const json: Record<string, unknown> = { ...config.extra };
  const { id2label: labels, problemType, dtype } = config;
  if (labels && !(labels.length === 2 && labels.every((label, i) => label === `LABEL_${i}`))) {
    json.id2label = Object.fromEntries(labels.map((label, i) => [String(i), label]));
    json.label2id = Object.fromEntries(labels.map((label, i) => [label, i]));
  }
  if (problemType) json.problem_type = problemType;
  if (dtype) {
    json.dtype = dtype;
    json.torch_dtype = dtype;
  }
  return json;
}

type Sizes = Pick<
  ModelConfig,
  | "vocabSize"
  | "hiddenSize"
  | "intermediateSize"
  | "numHiddenLayers"
  | "numAttentionHeads"
  | "maxPositionEmbeddings"
  | "padTokenId"
  | "bosTokenId"
  | "eosTokenId"
  | "tieWordEmbeddings"
>;

/** The sizes and ids that all kinds of configuration spell alike, with the defaults of one kind. */
export const sizeFields = (defaults: Sizes): Fields<Sizes> => ({
  vocabSize: whole("vocab_size", defaults.vocabSize),
  hiddenSize: whole("hidden_size", defaults.hiddenSize),
  intermediateSize: whole("intermediate_size", defaults.intermediateSize),
  numHiddenLayers: whole("num_hidden_layers", defaults.numHiddenLayers),
  numAttentionHeads: whole("num_attention_heads", defaults.numAttentionHeads),
  maxPositionEmbeddings: whole("max_position_embeddings", defaults.maxPositionEmbeddings),
  padTokenId: tokenId("pad_token_id", defaults.padTokenId),
  bosTokenId: tokenId("bos_token_id", defaults.bosTokenId),
  eosTokenId: tokenIds("eos_token_id", defaults.eosTokenId as number | null),
  tieWordEmbeddings: flag("tie_word_embeddings", defaults.tieWordEmbeddings),
});

/** Checks that a head size is one that the attention kernels take. */
export function checkHeadDim(headDim: number, key: string, value: unknown, file: string): void {
  if (!(Number.isInteger(headDim) && headDim % 8 === 0 && headDim >= 8 && headDim <= 256)) {
    throw configError(file, key, value, `such that a head has a multiple of 8 channels up to 256, not ${headDim}`);
  }
}
