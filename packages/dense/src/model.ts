import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  copyModule,
  type Device,
  type EmbeddingOf,
  EngineError,
  type EvaluateOptions,
  type InputModule,
  inputOf,
  loadModuleWeights,
  type Module,
  type ModuleFeatures,
  type ModulePass,
  mergePrompts,
  moduleEntries,
  type PackedTexts,
  type ParameterEntry,
  type Precision,
  type PromptChoice,
  type PushedCommit,
  pairwiseSimilarity,
  quantizeEmbeddings,
  requireTensor,
  resolvePrompt,
  type Scores,
  type SentenceEvaluator,
  type SimilarityFunctionName,
  saveModules,
  similarityFunction,
  similarityMatrix,
  type Tensor,
  type TextEncoder,
  type Tokenizer,
  type TrainableModel,
  taskPromptName,
  tensorScope,
  tokenizeTexts,
  tokenizeTextsNow,
  type Vectors,
} from "@ettin/core";
import type { CardData } from "./card/card-data.ts";
import { readmeOf } from "./card/model-card.ts";
import type { CardFacts, HasCardFacts } from "./card-facts.ts";
import { streamOptions, textsToEncode } from "./encode/check-encode.ts";
import type { EncodeOptions, EncodeStreamOptions } from "./encode/encode-options.ts";
import { type EncodedTexts, encodeInTurn } from "./encode/encode-stream.ts";
import { encodeTexts } from "./encode/encode-texts.ts";
import { type FromPretrainedOptions, loadSentenceTransformer } from "./load-model.ts";
import type { SaveModelOptions, SentenceTransformerOptions, TokenizeOptions } from "./model-options.ts";
import { Pooling } from "./modules/pooling.ts";
import { type PushModelOptions, pushModel } from "./push-model.ts";

/**
 * A model that makes one vector of each text: what Sentence Transformers calls by this name, with its files and numbers.
 *
 * @example
 *   const model = await SentenceTransformer.fromPretrained("sentence-transformers/all-MiniLM-L6-v2");
 *   const [a, b] = await model.encode(["The weather is lovely today.", "It's so sunny outside!"]);
 *   const { data } = await model.similarity(a, b);
 */
export class SentenceTransformer implements TextEncoder, TrainableModel, HasCardFacts {
  readonly modules: readonly Module[];
  prompts: Record<string, string>;
  defaultPromptName: string | null;
  truncateDim: number | null;
  /** The repository that it was made from. */
  readonly baseModel: string | null;
  /** What people say about it in its card. */
  cardData: CardData = {};
  /** What its card tells of training and evaluations: the trainer and evaluators fill it. */
  readonly cardFacts: CardFacts = { training: null, evaluations: [] };
  private readonly input: InputModule;
  private readonly readme: string | null;
  private similarityName: SimilarityFunctionName;

  /** @throws EngineError where the first module takes no texts, or `defaultPromptName` names no prompt */
  constructor(options: SentenceTransformerOptions) {
    const where = "SentenceTransformer";
    this.input = inputOf(where, options?.modules);
    this.modules = [...options.modules];
    this.prompts = mergePrompts(options.prompts);
    this.defaultPromptName = options.defaultPromptName ?? null;
    resolvePrompt(where, {}, this);
    this.similarityName = options.similarityFnName ?? "cosine";
    similarityFunction(this.similarityName, where);
    this.truncateDim = options.truncateDim ?? null;
    this.baseModel = options.baseModel ?? null;
    this.readme = options.readme ?? null;
  }

  /**
   * A model of a folder or of a repository on the hub: one of Sentence Transformers, in any version's layout; an encoder
   * or decoder of transformers, which gets a pooling; or vectors of tokens as model2vec writes them.
   *
   * @param idOrFolder a folder's path, or "owner/name"; a name alone is one of "sentence-transformers"
   * @throws EngineError naming file and field where files contradict each other
   */
  static async fromPretrained(idOrFolder: string, options: FromPretrainedOptions = {}): Promise<SentenceTransformer> {
    const loaded = await loadSentenceTransformer(idOrFolder, options);
    try {
      const model = new SentenceTransformer(loaded);
      if (options.maxSeqLength !== undefined) model.maxSeqLength = options.maxSeqLength;
      return model;
    } catch (error) {
      for (const module of loaded.modules) module.dispose();
      throw error;
    }
  }

  get tokenizer(): Tokenizer {
    return this.input.tokenizer;
  }

  get device(): Device {
    return this.input.device;
  }

  /** Of the weights. */
  get dtype(): "float32" | "bfloat16" {
    return this.input.weightDtype;
  }

  /** Tokens, special ones included, from which on a text is cut. */
  get maxSeqLength(): number {
    return this.input.maxSeqLength;
  }

  set maxSeqLength(length: number) {
    this.input.maxSeqLength = length;
  }

  /** How `similarity` compares. */
  get similarityFnName(): SimilarityFunctionName {
    return this.similarityName;
  }

  set similarityFnName(name: SimilarityFunctionName) {
    similarityFunction(name, "similarityFnName");
    this.similarityName = name;
  }

  /** Numbers in an embedding that `encode` makes. */
  get embeddingDimension(): number {
    return Math.min(this.fullDimension, this.truncateDim ?? Number.POSITIVE_INFINITY);
  }

  /** Of activations and products; "bfloat16" with float32 weights is mixed precision. @default `dtype` */
  get computeDtype(): "float32" | "bfloat16" {
    return this.input.computeDtype;
  }

  set computeDtype(dtype: "float32" | "bfloat16") {
    this.input.computeDtype = dtype;
  }

  /** Whether training keeps only each layer's input and computes the rest again for the gradients. @default false */
  get gradientCheckpointing(): boolean {
    return this.input.gradientCheckpointing;
  }

  set gradientCheckpointing(on: boolean) {
    this.input.gradientCheckpointing = on;
  }

  /**
   * All modules on packed texts. What losses call: it returns at once, and gradients flow.
   *
   * @param options `dropout` draws masks; without it nothing is dropped
   * @returns `[B, D]` float32, a row per text, neither cut nor normalized
   */
  forward(batch: PackedTexts, options: ModulePass = {}): Tensor {
    return tensorScope(() => sentenceRows(this.run({ batch, tensors: {} }, this.modules, options)));
  }

  /**
   * As `forward`, but of the embedding and of each layer: the hidden states of the first module, each through the modules
   * after it.
   *
   * @returns for each hidden state `[B, D]` float32; the last is what `forward` makes
   */
  forwardLayers(batch: PackedTexts, options: ModulePass = {}): Tensor[] {
    const { input } = this;
    if (!input.forwardLayers) {
      throw new EngineError("forwardLayers", `a ${input.className} has no layers`, "Use a model with a Transformer.");
    }
    return tensorScope(() =>
      input.forwardLayers!({ batch, tensors: {} }, options).map((features) =>
        sentenceRows(this.run(features, this.modules.slice(1), options)),
      ),
    );
  }

  /**
   * Packs texts with their prompt, cut at `maxSeqLength`, off the JavaScript thread.
   *
   * @param options `task` takes the prompt of queries or documents
   */
  tokenize(texts: readonly string[], options: TokenizeOptions = {}): Promise<PackedTexts> {
    return tokenizeTexts(this.input, this.toPack("tokenize", texts, options));
  }

  /** The same at once: for a few texts. */
  tokenizeNow(texts: readonly string[], options: TokenizeOptions = {}): PackedTexts {
    return tokenizeTextsNow(this.input, this.toPack("tokenizeNow", texts, options));
  }

  /**
   * Embeddings of texts.
   *
   * @returns of a text its embedding; of texts one each, in their order, views of one buffer
   */
  encode<P extends Precision = "float32">(text: string, options?: EncodeOptions<P>): Promise<EmbeddingOf<P>>;
  encode<P extends Precision = "float32">(
    texts: readonly string[],
    options?: EncodeOptions<P>,
  ): Promise<EmbeddingOf<P>[]>;
  encode<P extends Precision = "float32">(
    texts: string | readonly string[],
    options: EncodeOptions<P> = {},
  ): Promise<EmbeddingOf<P> | EmbeddingOf<P>[]> {
    return this.encodeAs("encode", texts, options);
  }

  /** `encode` with the prompt "query", unless the call names another. */
  encodeQuery<P extends Precision = "float32">(text: string, options?: EncodeOptions<P>): Promise<EmbeddingOf<P>>;
  encodeQuery<P extends Precision = "float32">(
    texts: readonly string[],
    options?: EncodeOptions<P>,
  ): Promise<EmbeddingOf<P>[]>;
  encodeQuery<P extends Precision = "float32">(
    texts: string | readonly string[],
    options: EncodeOptions<P> = {},
  ): Promise<EmbeddingOf<P> | EmbeddingOf<P>[]> {
    return this.encodeAs("encodeQuery", texts, this.withTask(options, "query"));
  }

  /** `encode` with the first of the prompts "document", "passage" and "corpus", unless the call names another. */
  encodeDocument<P extends Precision = "float32">(text: string, options?: EncodeOptions<P>): Promise<EmbeddingOf<P>>;
  encodeDocument<P extends Precision = "float32">(
    texts: readonly string[],
    options?: EncodeOptions<P>,
  ): Promise<EmbeddingOf<P>[]>;
  encodeDocument<P extends Precision = "float32">(
    texts: string | readonly string[],
    options: EncodeOptions<P> = {},
  ): Promise<EmbeddingOf<P> | EmbeddingOf<P>[]> {
    return this.encodeAs("encodeDocument", texts, this.withTask(options, "document"));
  }

  /**
   * Embeddings of texts of which there may be more than the memory holds: a batch at a time, in their order.
   *
   * @example
   *   for await (const { texts, embeddings } of model.encodeStream(lines, { task: "document" })) index.add(texts, embeddings);
   */
  encodeStream<P extends Precision = "float32">(
    texts: Iterable<string> | AsyncIterable<string>,
    options: EncodeStreamOptions<P> = {},
  ): AsyncGenerator<EncodedTexts<EmbeddingOf<P>>, void, undefined> {
    const where = "encodeStream";
    const { task, textsPerBatch: size = 4096, ...each } = streamOptions(where, options);
    const chosen = task ? this.withTask(each, task) : each;
    const encode = (some: readonly string[], signal: AbortSignal) =>
      this.encodeAs(where, some, { ...chosen, signal }) as Promise<EmbeddingOf<P>[]>;
    return encodeInTurn(texts, encode, { size, signal: options.signal });
  }

  /**
   * The similarity of each embedding of `a` with each of `b`, by `similarityFnName`.
   *
   * @returns `shape` `[n, m]`; a single embedding counts as one
   */
  similarity(a: Vectors, b: Vectors): Promise<Scores> {
    return similarityMatrix(a, b, { similarity: this.similarityName, device: this.device, where: "similarity" });
  }

  /** The similarity of `a[i]` with `b[i]`: `shape` `[n]`. */
  similarityPairwise(a: Vectors, b: Vectors): Promise<Scores> {
    const where = "similarityPairwise";
    return pairwiseSimilarity(a, b, { similarity: this.similarityName, device: this.device, where });
  }

  /** Parameters of all modules, named as in the reference's state dict: "0.model.…", "2.linear.weight". */
  entries(): ParameterEntry[] {
    return moduleEntries(this.modules);
  }

  /** Measures the model with an evaluator: its metrics, by name. */
  evaluate(
    evaluator: SentenceEvaluator<SentenceTransformer>,
    options: EvaluateOptions = {},
  ): Promise<Record<string, number>> {
    return evaluator.evaluate(this, options);
  }

  /**
   * Writes the model in the layout that Sentence Transformers 5 and 6 read, with its card. A card that came with the model
   * stays as it was unless the model was trained.
   */
  async savePretrained(folder: string, options: SaveModelOptions = {}): Promise<void> {
    const { createModelCard = true, card, modelName, ...saved } = options;
    await saveModules(folder, this.modules, { modelType: "SentenceTransformer", ...this.settings }, saved);
    if (!createModelCard) return;
    await writeFile(join(folder, "README.md"), await readmeOf(this, this.readme, { card, modelName }));
  }

  /**
   * Saves the model and uploads it to a repository of the hub, as one commit. A card that is there stays there.
   *
   * @param repo "owner/name"; made if it is not there
   */
  pushToHub(repo: string, options: PushModelOptions = {}): Promise<PushedCommit> {
    return pushModel(this, repo, options);
  }

  /** Takes over the weights of a folder that `savePretrained` of the same model wrote. */
  async loadWeights(folder: string): Promise<void> {
    await stat(folder);
    await loadModuleWeights(folder, this.modules);
  }

  /** A second model with the same weights, trained and disposed apart. The tokenizer is shared, and stays this one's. */
  copy(): SentenceTransformer {
    const { baseModel, readme } = this;
    return new SentenceTransformer({ ...this.settings, baseModel, readme, modules: this.modules.map(copyModule) });
  }

  /** Frees the modules. The model is of no use afterwards. */
  dispose(): void {
    for (const module of this.modules) module.dispose();
  }

  private get settings() {
    const { prompts, defaultPromptName, similarityFnName, truncateDim } = this;
    return { prompts, defaultPromptName, similarityFnName, truncateDim };
  }

  private get fullDimension(): number {
    const known = this.modules.map((module) => module.embeddingDimension).filter((dim) => dim !== null);
    return known.at(-1)!;
  }

  private run(features: ModuleFeatures, modules: readonly Module[], pass: ModulePass): ModuleFeatures {
    return modules.reduce((made, module) => module.forward(made, pass), features);
  }

  private toPack(where: string, texts: readonly string[], options: TokenizeOptions) {
    const { task } = options;
    const prompt = resolvePrompt(where, task ? this.withTask(options, task) : options, this);
    const leaveOutPrompt = this.modules.some((module) => module instanceof Pooling && !module.includePrompt);
    return { texts, prompt, leaveOutPrompt };
  }

  private withTask<O extends PromptChoice>(options: O, task: "query" | "document"): O {
    if (options.prompt !== undefined || options.promptName !== undefined) return options;
    const promptName = taskPromptName(task, this.prompts);
    return promptName === undefined ? options : { ...options, promptName };
  }

  private async encodeAs<P extends Precision>(
    where: string,
    texts: string | readonly string[],
    options: EncodeOptions<P>,
  ): Promise<EmbeddingOf<P> | EmbeddingOf<P>[]> {
    const { device } = this;
    const all = textsToEncode(where, texts, options);
    const { outputValue = "sentence_embedding", truncateDim = this.truncateDim, normalizeEmbeddings = false } = options;
    const { precision = "float32" as P, ranges, calibrationEmbeddings } = options;
    const asTokens = outputValue === "token_embeddings";
    if (asTokens && precision !== "float32") {
      throw new EngineError(where, `outputValue is "token_embeddings", but precision "${precision}"`, "Leave one out.");
    }
    const request = this.toPack(where, [], options);
    const rows = await encodeTexts(
      all,
      {
        ...{ where, device },
        tokenize: (some) => tokenizeTexts(this.input, { ...request, texts: some }),
        forward: (batch) =>
          asTokens
            ? requireTensor(where, this.run({ batch, tensors: {} }, this.modules, {}), outputValue)
            : this.forward(batch),
        rows: asTokens ? "tokens" : "texts",
        truncateDim,
        normalize: normalizeEmbeddings,
      },
      options,
    );
    const made = await quantizeEmbeddings(rows, precision, { ranges, calibrationEmbeddings, device, where });
    return typeof texts === "string" ? made[0]! : made;
  }
}

const sentenceRows = (features: ModuleFeatures): Tensor =>
  requireTensor("forward", features, "sentence_embedding").to("float32");
