import { Attention } from "../../nn/attention.ts";
import { Embedding } from "../../nn/embedding.ts";
import { normal } from "../../nn/initialisation.ts";
import { Linear } from "../../nn/linear.ts";
import { Mlp } from "../../nn/mlp.ts";
import type { ParameterSource } from "../../nn/parameter-source.ts";
import { RmsNorm } from "../../nn/rms-norm.ts";
import { RotaryTables } from "../../nn/rotary-tables.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { BaseModel } from "../base-model.ts";
import { normed, type PreNormBlock, runBlocks } from "../blocks.ts";
import type { ModelKind } from "../model-kind.ts";
import { type ForwardOptions, runPacked, type TokenBatch } from "../packed-batch.ts";
import type { Runtime } from "../pretrained-model.ts";
import type { LlamaConfig } from "./config.ts";
import { llamaKind } from "./kind.ts";

/** The Llama decoder: a token sees all before it; several query heads may share one key and value head. */
export class LlamaModel extends BaseModel<LlamaConfig> {
  static readonly kind: ModelKind<LlamaConfig> = llamaKind;
  override readonly architecture: string = "LlamaModel";
  /** The embedding table, `[vocabSize, hiddenSize]`. */
  readonly embeddings: Embedding;
  readonly layers: readonly PreNormBlock[];
  readonly norm: RmsNorm;
  private readonly rotary: RotaryTables;

  constructor(config: LlamaConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, runtime);
    const { hiddenSize: dim, vocabSize, rmsNormEps: eps, initializerRange, padTokenId } = config;
    this.rotary = new RotaryTables(config.ropeParameters, config.headDim);
    const below = (prefix: string) => source.in(prefix, { required: true });
    const init = normal(initializerRange, padTokenId);
    this.embeddings = new Embedding(below("embed_tokens"), { rows: vocabSize, dim, init });
    this.layers = Array.from({ length: config.numHiddenLayers }, (_, layer) =>
      llamaLayer(below(`layers.${layer}`), config, layer, this.rotary),
    );
    this.norm = new RmsNorm(below("norm"), { dim, eps });
  }

  override forward(batch: TokenBatch, options: ForwardOptions = {}): Tensor {
    return this.run(batch, options, false)[0]!;
  }

  override hiddenStates(batch: TokenBatch, options: ForwardOptions = {}): Tensor[] {
    return this.run(batch, options, true);
  }

  override dispose(): void {
    super.dispose();
    this.rotary.dispose();
  }

  private run(batch: TokenBatch, options: ForwardOptions, all: boolean): Tensor[] {
    return runPacked(this, batch, options, ({ tokens, pass }) => {
      const seen: Tensor[] = [];
      const stream = runBlocks(this.layers, this.embeddings.forward(tokens, this.computeDtype), pass, {
        checkpointing: this.gradientCheckpointing,
        seen: all ? (x) => seen.push(x) : undefined,
      });
      return [...seen, normed(this.norm, stream).y];
    });
  }
}

function llamaLayer(source: ParameterSource, config: LlamaConfig, layer: number, rotary: RotaryTables): PreNormBlock {
  const { hiddenSize: dim, intermediateSize, numAttentionHeads: heads, numKeyValueHeads: kvHeads, headDim } = config;
  const { attentionBias, mlpBias } = config;
  const init = normal(config.initializerRange);
  const norm = (name: string) => new RmsNorm(source.in(name), { dim, eps: config.rmsNormEps });
  const attention = source.in("self_attn");
  const mlp = source.in("mlp");
  const projections = [
    { name: "q_proj", rows: heads * headDim },
    { name: "k_proj", rows: kvHeads * headDim },
    { name: "v_proj", rows: kvHeads * headDim },
  ];
  const gated = ["gate_proj", "up_proj"].map((name) => ({ name, rows: intermediateSize }));
  return {
    attentionNorm: norm("input_layernorm"),
    attention: new Attention(
      {
        qkv: Linear.fused(attention, "qkv_proj", projections, { in: dim, bias: attentionBias, init }),
        out: Linear.from(attention.in("o_proj"), { in: heads * headDim, out: dim, bias: attentionBias, init }),
      },
      {
        layer,
        heads,
        kvHeads,
        causal: true,
        window: null,
        rotary,
        dropout: {
          probabilities: { rate: config.attentionDropout, site: 1 + 4 * layer },
          output: { rate: 0, site: 2 + 4 * layer },
        },
      },
    ),
    mlpNorm: norm("post_attention_layernorm"),
    mlp: new Mlp(
      {
        in: Linear.fused(mlp, "gate_up_proj", gated, { in: dim, bias: mlpBias, init }),
        out: Linear.from(mlp.in("down_proj"), { in: intermediateSize, out: dim, bias: mlpBias, init }),
      },
      { activation: config.hiddenAct, gated: true, dropout: { rate: 0, site: 3 + 4 * layer } },
    ),
  };
}
