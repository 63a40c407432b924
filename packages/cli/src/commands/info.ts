import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  BertForMaskedLM,
  EngineError,
  LlamaForCausalLM,
  type ModelConfig,
  type ModernBertConfig,
  ModernBertDecoderForCausalLM,
  ModernBertForMaskedLM,
  namedConfigs,
  parameterCount,
  weightHeaders,
} from "@ettin/core";
import { numberOption, textOption } from "../arguments.ts";
import type { Command } from "../command.ts";
import { modelMemory } from "../model-memory.ts";
import { bytesText, columns, countText } from "../units.ts";

/** The class that stands for a kind of model, with the head that its checkpoints mostly have. */
const KINDS = {
  modernbert: { Model: ModernBertForMaskedLM, what: "encoder", gated: true },
  "modernbert-decoder": { Model: ModernBertDecoderForCausalLM, what: "decoder", gated: true },
  bert: { Model: BertForMaskedLM, what: "encoder", gated: false },
  llama: { Model: LlamaForCausalLM, what: "decoder", gated: true },
} as const;

interface Described {
  readonly config: ModelConfig;
  readonly parameters: number;
  /** Bytes of the weights' files; null for a named configuration. */
  readonly stored: { readonly bytes: number; readonly dtypes: readonly string[] } | null;
  readonly architectures: readonly string[];
}

export const info: Command = {
  name: "info",
  summary: "a model's shape, parameters, and the memory it needs to run and to train",
  operands: ["model"],
  options: {
    tokens: {
      type: "string",
      value: "n",
      help: "tokens in one pass, for the memory (default: one text of full length)",
    },
    revision: { type: "string", value: "name", help: "branch, tag or commit on the hub" },
    json: { type: "boolean", help: "print JSON" },
  },
  notes: `A model is a folder, "owner/name" on the hub, or a named shape, of which nothing is downloaded:
${["encoder", "decoder"].map((kind) => namedConfigs.filter((name) => name.includes(kind)).join(", ")).join(",\n")}`,
  async run([model = ""], options, terminal) {
    const revision = textOption(options, "revision");
    const hub = { signal: terminal.signal, ...(revision === undefined ? {} : { revision }) };
    const described = namedConfigs.includes(model) ? describeNamed(model) : await describeStored(model, hub);
    const tokens = numberOption(options, "tokens", { whole: true, min: 1 }) ?? described.config.maxPositionEmbeddings;
    const report = { model, ...summary(described, tokens) };
    terminal.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : `${text(model, described, tokens)}\n`);
    return 0;
  },
};

function describeNamed(name: string): Described {
  if (name.includes("decoder")) {
    const config = ModernBertDecoderForCausalLM.kind.complete(name);
    return { config, parameters: parameterCount(ModernBertDecoderForCausalLM, name), stored: null, architectures: [] };
  }
  const config = ModernBertForMaskedLM.kind.complete(name);
  return { config, parameters: parameterCount(ModernBertForMaskedLM, name), stored: null, architectures: [] };
}

async function describeStored(model: string, hub: object): Promise<Described> {
  const { folder, tensors: headers } = await weightHeaders(model, hub);
  const file = join(folder, "config.json");
  const json = await readConfig(file);
  const { Model } = kindOf(json.model_type, file);
  const tensors = [...headers.values()];
  const size = (shape: readonly number[]) => shape.reduce((product, each) => product * each, 1);
  return {
    config: Model.kind.readConfig(json as never, file),
    parameters: tensors.reduce((sum, { shape }) => sum + size(shape), 0),
    stored: {
      bytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
      dtypes: [...new Set(tensors.map(({ dtype }) => dtype))],
    },
    architectures: Array.isArray(json.architectures) ? json.architectures.map(String) : [],
  };
}

async function readConfig(file: string): Promise<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(await readFile(file, "utf8"));
    if (typeof json === "object" && json !== null) return json as Record<string, unknown>;
    throw new Error("it is no object");
  } catch (cause) {
    throw new EngineError("info", `${file}: ${(cause as Error).message}`, "Pass the folder of a saved model.", {
      cause,
    });
  }
}

function kindOf(type: unknown, file: string): (typeof KINDS)[keyof typeof KINDS] {
  if (typeof type === "string" && Object.hasOwn(KINDS, type)) return KINDS[type as keyof typeof KINDS];
  throw new EngineError(
    "info",
    `model_type in ${file} is ${JSON.stringify(type)}`,
    `Known kinds are ${Object.keys(KINDS).join(", ")}.`,
  );
}

function summary({ config, parameters, stored, architectures }: Described, tokens: number) {
  const { gated, what } = kindOf(config.modelType, "the configuration");
  const memory = (dtype: "float32" | "bfloat16") => modelMemory(parameters, config, { tokens, dtype, gated });
  return {
    modelType: config.modelType,
    kind: what,
    architectures,
    layers: config.numHiddenLayers,
    hiddenSize: config.hiddenSize,
    intermediateSize: config.intermediateSize,
    heads: config.numAttentionHeads,
    kvHeads: config.numKeyValueHeads,
    headDim: config.headDim,
    vocabSize: config.vocabSize,
    maxPositionEmbeddings: config.maxPositionEmbeddings,
    tieWordEmbeddings: config.tieWordEmbeddings,
    attention: attentionOf(config),
    parameters,
    stored,
    memory: { tokens, float32: memory("float32"), bfloat16: memory("bfloat16") },
  };
}

/** How many layers see all tokens, and what the others see. */
function attentionOf(config: ModelConfig): { global: number; local: number; window: number | null } {
  const { layerTypes, localAttention } = config as Partial<ModernBertConfig>;
  const global = layerTypes?.filter((type) => type === "full_attention").length ?? config.numHiddenLayers;
  const local = config.numHiddenLayers - global;
  return { global, local, window: local > 0 ? (localAttention ?? null) : null };
}

function text(model: string, described: Described, tokens: number): string {
  const { memory, attention, stored, ...shape } = summary(described, tokens);
  const { float32, bfloat16 } = memory;
  const kv = shape.kvHeads === shape.heads ? "" : `, ${shape.kvHeads} of keys and values`;
  const local =
    attention.local > 0
      ? ` (${attention.global} global, ${attention.local} with a window of ${attention.window} tokens)`
      : "";
  const rows = [
    ["kind", [`${shape.modelType}, ${shape.kind}`, ...shape.architectures].join(", ")],
    ["layers", `${shape.layers}${local}`],
    ["width", `${shape.hiddenSize.toLocaleString("en")}, MLP ${shape.intermediateSize.toLocaleString("en")}`],
    ["heads", `${shape.heads} of ${shape.headDim} channels${kv}`],
    ["vocabulary", `${shape.vocabSize.toLocaleString("en")}${shape.tieWordEmbeddings ? ", tied to the output" : ""}`],
    ["context", `${shape.maxPositionEmbeddings.toLocaleString("en")} tokens`],
    ["parameters", `${countText(shape.parameters)} (${shape.parameters.toLocaleString("en")})`],
    ...(stored ? [["stored", `${bytesText(stored.bytes)}, ${stored.dtypes.join(" and ")}`]] : []),
  ];
  const of = (key: "weights" | "run" | "train" | "trainCheckpointing") => [
    bytesText(float32[key]),
    bytesText(bfloat16[key]),
  ];
  const table = [
    ["memory", "float32", "bfloat16"],
    ["weights", ...of("weights")],
    [`run, ${tokens.toLocaleString("en")} tokens`, ...of("run")],
    [`train, ${tokens.toLocaleString("en")} tokens`, ...of("train")],
    ["train, checkpointing", ...of("trainCheckpointing")],
  ];
  return `${model}\n${columns(rows)}\n\n${columns(table)}`;
}
