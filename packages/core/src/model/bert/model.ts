import { EngineError } from "../../errors.ts";
import { Embedding } from "../../nn/embedding.ts";
import { normal } from "../../nn/initialisation.ts";
import { LayerNorm } from "../../nn/layer-norm.ts";
import { Linear } from "../../nn/linear.ts";
import type { ParameterSource } from "../../nn/parameter-source.ts";
import { drawAt } from "../../nn/pass.ts";
import { add } from "../../ops/add.ts";
import { dropout } from "../../ops/dropout.ts";
import { segmentFirst } from "../../ops/segment-first.ts";
import { tanh } from "../../ops/tanh.ts";
import { tensorScope } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { PackedTokens } from "../../tokenizer/packed-tokens.ts";
import { BaseModel } from "../base-model.ts";
import type { ModelKind } from "../model-kind.ts";
import { checkIds, type ForwardOptions, type PlacedBatch, runPacked } from "../packed-batch.ts";
import type { Runtime } from "../pretrained-model.ts";
import type { BertConfig } from "./config.ts";
import { bertKind } from "./kind.ts";
import { BertLayer } from "./layer.ts";

/** The BERT encoder, of MiniLM, BGE and E5 too: learned positions, so a text is at most `maxPositionEmbeddings` long. */
export class BertModel extends BaseModel<BertConfig> {
  static readonly kind: ModelKind<BertConfig> = bertKind;
  override readonly architecture: string = "BertModel";
  /** The embedding table, `[vocabSize, hiddenSize]`. */
  readonly embeddings: Embedding;
  private readonly positions: Embedding;
  private readonly types: Embedding;
  private readonly embeddingNorm: LayerNorm;
  readonly layers: readonly BertLayer[];
  /** Null under heads that do without it. */
  readonly pooler: Linear | null;

  /** @param options `pooler`: whether there is one */
  constructor(
    config: BertConfig,
    source: ParameterSource,
    runtime?: Runtime,
    options: { pooler: boolean } = { pooler: true },
  ) {
    super(config, source, runtime);
    const { hiddenSize: dim, initializerRange, padTokenId, layerNormEps: eps } = config;
    const init = normal(initializerRange);
    const embeddings = source.in("embeddings", { required: true });
    const table = (name: string, rows: number, padding: number | null) =>
      new Embedding(embeddings.in(name), { rows, dim, init: normal(initializerRange, padding) });
    this.embeddings = table("word_embeddings", config.vocabSize, padTokenId);
    this.positions = table("position_embeddings", config.maxPositionEmbeddings, null);
    this.types = table("token_type_embeddings", config.typeVocabSize, null);
    this.embeddingNorm = new LayerNorm(embeddings.in("LayerNorm"), { dim, bias: true, eps });
    this.layers = Array.from(
      { length: config.numHiddenLayers },
      (_, layer) => new BertLayer(source.in(`encoder.layer.${layer}`, { required: true }), config, layer),
    );
    this.pooler = options.pooler
      ? Linear.from(source.in("pooler.dense", { required: false }), { in: dim, out: dim, bias: true, init })
      : null;
  }

  override forward(batch: PackedTokens, options: ForwardOptions = {}): Tensor {
    return this.run(batch, options, false)[0]!;
  }

  override hiddenStates(batch: PackedTokens, options: ForwardOptions = {}): Tensor[] {
    return this.run(batch, options, true);
  }

  /**
   * What the pooler makes of each text's first token: `tanh(dense(x))`.
   *
   * @param hidden `[T, hiddenSize]`, made by `forward`
   * @returns `[B, hiddenSize]`
   */
  pooled(hidden: Tensor, { offsets }: PackedTokens): Tensor {
    const { pooler } = this;
    if (!pooler) throw new EngineError("pooled", "this model has no pooler", "Load it as BertModel.");
    return tensorScope(() => {
      const first = segmentFirst(hidden, Tensor.from(offsets, { device: hidden.device }));
      return tanh(pooler.forward(first));
    });
  }

  private run(batch: PackedTokens, options: ForwardOptions, all: boolean): Tensor[] {
    if (options.cache) {
      throw new EngineError(this.architecture, "a cache was given to an encoder", "Pass whole texts.");
    }
    const types = batch.tokenTypes ?? new Int32Array(batch.tokens.length);
    checkIds(this.architecture, types, this.config.typeVocabSize, "the table of token types");
    if (types.length !== batch.tokens.length) {
      const [t, n] = [types.length, batch.tokens.length];
      throw new EngineError(this.architecture, `${t} tokenTypes for ${n} tokens`, "Give one for each token.");
    }
    return runPacked(this, batch, options, (placed) => {
      const { pass } = placed;
      let x = this.embed(placed, batch, types);
      const states = [x];
      for (const layer of this.layers) {
        const next = this.gradientCheckpointing ? layer.forwardCheckpointed(x, pass) : layer.forward(x, pass);
        if (!all) x.dispose();
        x = next;
        states.push(x);
      }
      return all ? states : [x];
    });
  }

  private embed({ tokens, pass }: PlacedBatch, { offsets }: PackedTokens, types: Int32Array): Tensor {
    const { device } = tokens;
    return tensorScope(() => {
      const dtype = this.computeDtype;
      const typed = this.types.forward(Tensor.from(types, { device }), dtype);
      const placed = this.positions.forward(Tensor.from(positionsOf(offsets), { device }), dtype);
      const words = add(this.embeddings.forward(tokens, dtype), typed);
      const { y } = this.embeddingNorm.addTo(placed, words);
      const draw = drawAt(pass, "embedding", this.config.hiddenDropoutProb, 0);
      return draw ? dropout(y, draw) : y;
    });
  }
}

/** Each token's place in its text. */
function positionsOf(offsets: Int32Array): Int32Array {
  const positions = new Int32Array(offsets.at(-1)!);
  for (let b = 0; b + 1 < offsets.length; b++) {
    for (let t = offsets[b]!; t < offsets[b + 1]!; t++) positions[t] = t - offsets[b]!;
  }
  return positions;
}
