import { EngineError } from "../../errors.ts";
import { Embedding } from "../../nn/embedding.ts";
import { LayerNorm } from "../../nn/layer-norm.ts";
import type { ParameterSource } from "../../nn/parameter-source.ts";
import { drawAt } from "../../nn/pass.ts";
import { RotaryTables } from "../../nn/rotary-tables.ts";
import { dropout } from "../../ops/dropout.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { BaseModel } from "../base-model.ts";
import { normed, type PreNormBlock, runBlocks } from "../blocks.ts";
import { type ForwardOptions, runPacked, type TokenBatch } from "../packed-batch.ts";
import type { Runtime } from "../pretrained-model.ts";
import type { ModernBertConfig } from "./config.ts";
import { dropoutSite, initialisations, modernBertLayer, windowOf } from "./layer.ts";

/** What ModernBERT encoders and decoders share: all but the mask, and how files name the projections of attention. */
export abstract class ModernBertBase extends BaseModel<ModernBertConfig> {
  /** The embedding table, `[vocabSize, hiddenSize]`. */
  readonly embeddings: Embedding;
  private readonly embeddingNorm: LayerNorm;
  readonly layers: readonly PreNormBlock[];
  readonly finalNorm: LayerNorm;
  private readonly causal: boolean;
  private readonly rotary: { readonly full: RotaryTables; readonly sliding: RotaryTables };

  constructor(config: ModernBertConfig, source: ParameterSource, causal: boolean, runtime?: Runtime) {
    super(config, source, runtime);
    const { hiddenSize: dim, normBias: bias, normEps: eps, ropeParameters, headDim } = config;
    const { into } = initialisations(config);
    this.causal = causal;
    this.rotary = {
      full: new RotaryTables(ropeParameters.fullAttention, headDim),
      sliding: new RotaryTables(ropeParameters.slidingAttention, headDim),
    };
    const embeddings = source.in("embeddings", { required: true });
    this.embeddings = new Embedding(embeddings.in("tok_embeddings"), { rows: config.vocabSize, dim, init: into });
    this.embeddingNorm = new LayerNorm(embeddings.in("norm"), { dim, bias, eps });
    this.layers = config.layerTypes.map((type, layer) =>
      modernBertLayer(source.in(`layers.${layer}`, { required: true }), config, {
        layer,
        causal,
        rotary: type === "full_attention" ? this.rotary.full : this.rotary.sliding,
      }),
    );
    this.finalNorm = new LayerNorm(source.in("final_norm", { required: true }), { dim, bias, eps });
  }

  override windowOf(layer: number): readonly [left: number, right: number] | null {
    return windowOf(this.config, this.causal, layer);
  }

  /** The last hidden states, after the final norm: `[T, hiddenSize]` of `computeDtype`. */
  override forward(batch: TokenBatch, options: ForwardOptions = {}): Tensor {
    return this.run(batch, options, false)[0]!;
  }

  /** The normed embedding, the output of each layer, and the last after the final norm (as transformers 5). */
  override hiddenStates(batch: TokenBatch, options: ForwardOptions = {}): Tensor[] {
    return this.run(batch, options, true);
  }

  override dispose(): void {
    super.dispose();
    this.rotary.full.dispose();
    this.rotary.sliding.dispose();
  }

  private run(batch: TokenBatch, options: ForwardOptions, all: boolean): Tensor[] {
    if (options.cache && !this.causal) {
      throw new EngineError(
        this.architecture,
        "a cache was given, but an encoder's tokens see those after them",
        "Use a decoder, or pass whole texts.",
      );
    }
    return runPacked(this, batch, options, ({ tokens, pass }) => {
      const embedded = this.embeddingNorm.forward(this.embeddings.forward(tokens, this.computeDtype));
      const draw = drawAt(pass, "embedding", this.config.embeddingDropout, dropoutSite.embedding);
      const seen: Tensor[] = [];
      const stream = runBlocks(this.layers, draw ? dropout(embedded, draw) : embedded, pass, {
        checkpointing: this.gradientCheckpointing,
        seen: all ? (x) => seen.push(x) : undefined,
      });
      return [...seen, normed(this.finalNorm, stream).y];
    });
  }
}
