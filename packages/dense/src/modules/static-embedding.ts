import { mkdir } from "node:fs/promises";
import {
  copiedParameter,
  type Device,
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
}

/** A vector per token and their mean: "sentence_embedding" `[B, D]`, without special tokens and without a limit. */
export class StaticEmbedding implements InputModule {
  readonly className: string = "StaticEmbedding";
  readonly savedInRoot: boolean = true;
  readonly stateDictPrefix: string = "";
  readonly tokenizer: Tokenizer;
  /** `[vocabulary, dim]` */
  readonly weight: Tensor;
  /** Texts are never cut. */
  maxSeqLength: number = Number.POSITIVE_INFINITY;
  gradientCheckpointing = false;
  private ownsTokenizer = true;
  private dtype: "float32" | "bfloat16" | null = null;

  constructor({ tokenizer, weight }: StaticEmbeddingOptions) {
    if (weight.shape.length !== 2 || weight.shape[0]! < tokenizer.vocabSize) {
      throw new EngineError(
        "StaticEmbedding",
        `weight has shape [${weight.shape.join(", ")}], but the tokenizer has ${tokenizer.vocabSize} ids`,
        "Give a row for each id.",
      );
    }
    this.tokenizer = tokenizer;
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
    const tokenizer = await Tokenizer.fromFolder(folder);
    try {
      const auto = found.dtype === "BF16" ? "bfloat16" : "float32";
      const weight = parameter(
        loadStored(found, { dtype: dtype === "auto" ? auto : dtype, ...(device && { device }) }),
      );
      return new StaticEmbedding({ tokenizer, weight });
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
    return this.tokenizer.encodeBatch(texts, { addSpecialTokens: false });
  }

  tokenizeNow(texts: readonly string[]): PackedTexts {
    return this.tokenizer.encodeBatchNow(texts, { addSpecialTokens: false });
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
    const copy = new StaticEmbedding({ tokenizer: this.tokenizer, weight: copiedParameter(this.weight) });
    copy.ownsTokenizer = false;
    copy.dtype = this.dtype;
    return copy;
  }

  async save(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    await saveWeights(folder, [storedWeight("embedding.weight", this.weight)], { metadata: {} });
    await this.tokenizer.savePretrained(folder);
  }

  dispose(): void {
    this.weight.dispose();
    if (this.ownsTokenizer) this.tokenizer.dispose();
  }
}
