import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  copiedParameter,
  type Device,
  type EncodeBatchOptions,
  EngineError,
  embedding,
  type InputModule,
  loadStored,
  type ModuleFeatures,
  type ModuleLoad,
  openWeights,
  type PackedTexts,
  type ParameterEntry,
  parameter,
  saveWeights,
  segmentMean,
  storedWeight,
  Tensor,
  Tokenizer,
  tensorScope,
  withTensor,
} from "@ettin/core";

export interface StaticEmbeddingOptions {
  tokenizer: Tokenizer;
  /** `[vocabulary, dim]`, a row per id; it belongs to the module from now on. */
  weight: Tensor;
  /** Tokens from which on a text is cut. @default Infinity */
  maxSeqLength?: number;
}

/** A vector per token and their mean: "sentence_embedding" `[B, D]`, without special tokens. */
export class StaticEmbedding implements InputModule {
  readonly className: string = "StaticEmbedding";
  readonly savedInRoot: boolean = true;
  readonly stateDictPrefix: string = "";
  readonly tokenizer: Tokenizer;
  /** `[vocabulary, dim]` */
  readonly weight: Tensor;
  /** Tokens from which on a text is cut: what tokenizer.json says of truncation, else Infinity. */
  maxSeqLength: number;
  gradientCheckpointing = false;
  private ownsTokenizer = true;
  private dtype: "float32" | "bfloat16" | null = null;

  constructor({ tokenizer, weight, maxSeqLength = Number.POSITIVE_INFINITY }: StaticEmbeddingOptions) {
    if (weight.shape.length !== 2 || weight.shape[0]! < tokenizer.vocabSize) {
      throw new EngineError(
        "StaticEmbedding",
        `weight has shape [${weight.shape.join(", ")}], but the tokenizer has ${tokenizer.vocabSize} ids`,
        "Give a row for each id.",
      );
    }
    this.tokenizer = tokenizer;
    this.maxSeqLength = maxSeqLength;
    this.weight = weight.requiresGrad ? weight : parameter(weight);
  }

  /** Reads a folder with tokenizer.json and weights under "embedding.weight", or "embeddings" as model2vec writes. */
  static async fromFolder(folder: string, { dtype, device }: ModuleLoad): Promise<StaticEmbedding> {
    const stored = await openWeights(folder);
    const found = stored.get("embedding.weight") ?? stored.get("embeddings");
    if (found?.shape.length !== 2) {
      throw new EngineError(
        "fromPretrained",
        `the weights in ${folder} have no matrix "embedding.weight" or "embeddings", only ${[...stored.keys()].join(", ")}`,
        "Load the folder with the class that it was saved from.",
      );
    }
    if (stored.has("mapping") || stored.has("weights")) {
      throw new EngineError(
        "fromPretrained",
        `the weights in ${folder} are of a quantized vocabulary: beside the vectors they have ${[...stored.keys()].join(", ")}`,
        "Save the model without vocabulary quantization.",
      );
    }
    const maxSeqLength = await storedTruncation(folder);
    const tokenizer = await Tokenizer.fromFolder(folder);
    try {
      const auto = found.dtype === "BF16" ? "bfloat16" : "float32";
      const weight = parameter(
        loadStored(found, { dtype: dtype === "auto" ? auto : dtype, ...(device && { device }) }),
      );
      return new StaticEmbedding({ tokenizer, weight, maxSeqLength });
    } catch (error) {
      tokenizer.dispose();
      throw error;
    }
  }

  get embeddingDimension(): number {
    return this.weight.shape[1]!;
  }

  get device(): Device {
    return this.weight.device;
  }

  get weightDtype(): "float32" | "bfloat16" {
    return this.weight.dtype as "float32" | "bfloat16";
  }

  get computeDtype(): "float32" | "bfloat16" {
    return this.dtype ?? this.weightDtype;
  }

  set computeDtype(dtype: "float32" | "bfloat16") {
    this.dtype = dtype;
  }

  tokenize(texts: readonly string[]): Promise<PackedTexts> {
    return this.tokenizer.encodeBatch(texts, this.cut);
  }

  tokenizeNow(texts: readonly string[]): PackedTexts {
    return this.tokenizer.encodeBatchNow(texts, this.cut);
  }

  forward(features: ModuleFeatures): ModuleFeatures {
    const { tokens, offsets } = features.batch;
    const { device } = this;
    const pooled = tensorScope(() => {
      const rows = embedding(this.weight, Tensor.from(tokens, { device }), { dtype: this.computeDtype });
      return segmentMean(rows, Tensor.from(offsets, { device }));
    });
    return withTensor(features, "sentence_embedding", pooled);
  }

  entries(): readonly ParameterEntry[] {
    return [{ name: "embedding.weight", tensor: this.weight, parts: null }];
  }

  /** The same with weights of its own. The tokenizer is shared, and stays this one's. */
  copy(): StaticEmbedding {
    const { tokenizer, maxSeqLength } = this;
    const copy = new StaticEmbedding({ tokenizer, weight: copiedParameter(this.weight), maxSeqLength });
    copy.ownsTokenizer = false;
    copy.dtype = this.dtype;
    return copy;
  }

  async save(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    await saveWeights(folder, [storedWeight("embedding.weight", this.weight)], { metadata: {} });
    await this.tokenizer.savePretrained(folder);
    if ((await storedTruncation(folder)) !== this.maxSeqLength) await writeTruncation(folder, this.maxSeqLength);
  }

  dispose(): void {
    this.weight.dispose();
    if (this.ownsTokenizer) this.tokenizer.dispose();
  }

  private get cut(): EncodeBatchOptions {
    const { maxSeqLength: maxLength } = this;
    if (maxLength === Number.POSITIVE_INFINITY) return { addSpecialTokens: false };
    return { addSpecialTokens: false, truncation: "longest_first", maxLength };
  }
}

type StoredTokenizer = { readonly truncation?: { max_length: number; direction?: string } | null } | null;

/** The truncation of a folder's tokenizer.json, which no other file says again. */
async function storedTruncation(folder: string): Promise<number> {
  const file = join(folder, "tokenizer.json");
  const json: StoredTokenizer = await readFile(file, "utf8")
    .then(JSON.parse)
    .catch(() => null);
  if (!json?.truncation) return Number.POSITIVE_INFINITY;
  if (json.truncation.direction === "Left") {
    throw new EngineError(
      "fromPretrained",
      `${file} cuts texts from the left`,
      'Write "Right" as its truncation\'s direction where that is meant, or null as the truncation.',
    );
  }
  return json.truncation.max_length;
}

/** Puts a length into a folder's tokenizer.json, where the reference reads it. */
async function writeTruncation(folder: string, maxSeqLength: number): Promise<void> {
  const file = join(folder, "tokenizer.json");
  const json = JSON.parse(await readFile(file, "utf8")) as object;
  const cut = { direction: "Right", max_length: maxSeqLength, strategy: "LongestFirst", stride: 0 };
  const truncation = maxSeqLength === Number.POSITIVE_INFINITY ? null : cut;
  await writeFile(file, JSON.stringify({ ...json, truncation }, null, 2));
}
