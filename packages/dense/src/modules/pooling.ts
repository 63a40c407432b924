import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  concat,
  EngineError,
  type Module,
  type ModuleFeatures,
  type ModulePass,
  type PackedTexts,
  type ParameterEntry,
  requireTensor,
  type Tensor,
  withTensor,
} from "@ettin/core";
import { type PoolingMode, poolingModes, poolTokens } from "./pool-tokens.ts";

export interface PoolingOptions {
  /** Numbers in a token's state. */
  embeddingDimension: number;
  /** One way, or several whose results follow each other in this order. @default "mean" */
  poolingMode?: PoolingMode | readonly PoolingMode[];
  /** Whether the tokens of a prompt count. @default true */
  includePrompt?: boolean;
}

/** A text's token states `[T, D]` to one row per text: "sentence_embedding" `[B, modes · D]`. */
export class Pooling implements Module {
  readonly className: string = "Pooling";
  readonly savedInRoot: boolean = false;
  /** Numbers in a token's state. */
  readonly tokenDimension: number;
  readonly modes: readonly PoolingMode[];
  /** Whether the tokens of a prompt count. */
  includePrompt: boolean;

  constructor({ embeddingDimension, poolingMode = "mean", includePrompt = true }: PoolingOptions) {
    this.modes = typeof poolingMode === "string" ? [poolingMode] : [...poolingMode];
    this.tokenDimension = embeddingDimension;
    this.includePrompt = includePrompt;
    const unknown = this.modes.find((mode) => !poolingModes.includes(mode));
    if (this.modes.length === 0 || unknown !== undefined) {
      const found = unknown === undefined ? "an empty list" : JSON.stringify(unknown);
      throw new EngineError("Pooling", `poolingMode is ${found}`, `Use one or more of ${poolingModes.join(", ")}.`);
    }
    if (!Number.isInteger(embeddingDimension) || embeddingDimension < 1) {
      throw new EngineError("Pooling", `embeddingDimension is ${embeddingDimension}`, "Use the width of token states.");
    }
  }

  /** Reads a folder, of the layout with a switch per mode or of that with names. */
  static async fromFolder(folder: string): Promise<Pooling> {
    return new Pooling(await readOptions(join(folder, "config.json")));
  }

  get embeddingDimension(): number {
    return this.modes.length * this.tokenDimension;
  }

  forward(features: ModuleFeatures, _pass: ModulePass = {}): ModuleFeatures {
    const states = requireTensor("Pooling", features, "token_embeddings");
    return withTensor(features, "sentence_embedding", this.pool(states, features.batch));
  }

  entries(): readonly ParameterEntry[] {
    return [];
  }

  async save(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "config.json"), JSON.stringify(savedOptions(this), null, 4));
  }

  dispose(): void {}

  private pool(states: Tensor, batch: PackedTexts): Tensor {
    const { starts, ...whole } = batch;
    const seen = this.includePrompt || !starts ? whole : batch;
    const parts = this.modes.map((mode) => poolTokens(mode, states, seen));
    return (parts.length === 1 ? parts[0]! : concat(parts, 1)).to("float32"); // the rest is cheap, so it is exact
  }
}

/** The switches of the layout that every version reads, in the order in which it concatenates. */
const SWITCHES: readonly (readonly [key: string, mode: PoolingMode])[] = [
  ["pooling_mode_cls_token", "cls"],
  ["pooling_mode_max_tokens", "max"],
  ["pooling_mode_mean_tokens", "mean"],
  ["pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"],
  ["pooling_mode_weightedmean_tokens", "weightedmean"],
  ["pooling_mode_lasttoken", "lasttoken"],
];

/** With switches where their order is the modes' order; otherwise with names, which version 6 and later read. */
function savedOptions({ tokenDimension, modes, includePrompt }: Pooling): Record<string, unknown> {
  const inOrder = SWITCHES.filter(([, mode]) => modes.includes(mode)).map(([, mode]) => mode);
  if (inOrder.join() !== modes.join()) {
    return { embedding_dimension: tokenDimension, pooling_mode: modes, include_prompt: includePrompt };
  }
  const written = [
    "cls_token",
    "mean_tokens",
    "max_tokens",
    "mean_sqrt_len_tokens",
    "weightedmean_tokens",
    "lasttoken",
  ];
  const on = new Map(SWITCHES.map(([key, mode]) => [key, modes.includes(mode)]));
  return {
    word_embedding_dimension: tokenDimension,
    ...Object.fromEntries(written.map((name) => [`pooling_mode_${name}`, on.get(`pooling_mode_${name}`)])),
    include_prompt: includePrompt,
  };
}

async function readOptions(file: string): Promise<PoolingOptions> {
  const fail = (what: string, cause?: unknown): never => {
    throw new EngineError("fromPretrained", `${file}: ${what}`, "Download the model again, or save it anew.", {
      cause,
    });
  };
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  } catch (error) {
    return fail(
      error instanceof SyntaxError ? "this is not JSON" : `it cannot be read (${(error as Error).message})`,
      error,
    );
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) return fail("this is no object");
  const dimension = json.embedding_dimension ?? json.word_embedding_dimension;
  if (typeof dimension !== "number") return fail("word_embedding_dimension is missing");
  const named = json.pooling_mode;
  const switched = SWITCHES.filter(([key]) => json[key] === true).map(([, mode]) => mode);
  const modes = named === undefined ? (switched.length > 0 ? switched : ["mean"]) : [named].flat();
  return {
    embeddingDimension: dimension,
    poolingMode: modes as PoolingMode[],
    includePrompt: json.include_prompt !== false,
  };
}
