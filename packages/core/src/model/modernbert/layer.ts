import { Attention } from "../../nn/attention.ts";
import { type Initialisation, truncatedNormal } from "../../nn/initialisation.ts";
import { LayerNorm } from "../../nn/layer-norm.ts";
import { Linear } from "../../nn/linear.ts";
import { Mlp } from "../../nn/mlp.ts";
import type { ParameterSource } from "../../nn/parameter-source.ts";
import type { RotaryTables } from "../../nn/rotary-tables.ts";
import type { PreNormBlock } from "../blocks.ts";
import type { ModernBertConfig } from "./config.ts";

/** Places that draw dropout masks, numbered: the embedding is 0, a layer has four, the classifier comes last. */
export const dropoutSite = {
  embedding: 0,
  probabilities: (layer: number): number => 1 + 4 * layer,
  attentionOutput: (layer: number): number => 2 + 4 * layer,
  mlp: (layer: number): number => 3 + 4 * layer,
  mlpOutput: (layer: number): number => 4 + 4 * layer,
  classifier: (layers: number): number => 1 + 4 * layers,
} as const;

/** The spreads of initial weights: of projections into a sublayer, and of those back to the stream. */
export function initialisations(config: ModernBertConfig): { into: Initialisation; outOf: Initialisation } {
  const { initializerRange: range, initializerCutoffFactor, numHiddenLayers } = config;
  const cutoff = initializerCutoffFactor ?? 3;
  return {
    into: truncatedNormal(range, cutoff),
    outOf: truncatedNormal(range / Math.sqrt(2 * numHiddenLayers), cutoff),
  };
}

/** The keys that a query sees in a layer: how many on each side, or null for all. */
export function windowOf(config: ModernBertConfig, causal: boolean, layer: number): readonly [number, number] | null {
  if (config.layerTypes[layer] !== "sliding_attention") return null;
  const half = config.slidingWindow;
  return causal ? [half - 1, 0] : [half, half];
}

/** One layer of an encoder or decoder. The first has no attention norm: the embedding is normed. */
export function modernBertLayer(
  source: ParameterSource,
  config: ModernBertConfig,
  options: { layer: number; causal: boolean; rotary: RotaryTables },
): PreNormBlock {
  const { hiddenSize: dim, intermediateSize, numAttentionHeads: heads, attentionDropout, normBias, normEps } = config;
  const { layer, causal, rotary } = options;
  const { into, outOf } = initialisations(config);
  const norm = (name: string) => new LayerNorm(source.in(name), { dim, bias: normBias, eps: normEps });
  const attention = source.in("attn");
  const mlp = source.in("mlp");
  const thirds = ["q_proj", "k_proj", "v_proj"].map((name) => ({ name, rows: dim }));
  const attentionNorm = layer === 0 ? null : norm("attn_norm");
  return {
    attentionNorm,
    attention: new Attention(
      {
        qkv: Linear.fused(attention, "Wqkv", thirds, {
          in: dim,
          bias: config.attentionBias,
          init: into,
          saved: config.modelType === "modernbert" ? "whole" : "parts",
        }),
        out: Linear.from(attention.in("Wo"), { in: dim, out: dim, bias: config.attentionBias, init: outOf }),
      },
      {
        layer,
        heads,
        kvHeads: heads,
        causal,
        window: windowOf(config, causal, layer),
        rotary,
        dropout: {
          probabilities: { rate: attentionDropout, site: dropoutSite.probabilities(layer) },
          output: { rate: attentionDropout, site: dropoutSite.attentionOutput(layer) },
        },
      },
    ),
    mlpNorm: norm("mlp_norm"),
    mlp: new Mlp(
      {
        in: Linear.from(mlp.in("Wi"), { in: dim, out: 2 * intermediateSize, bias: config.mlpBias, init: into }),
        out: Linear.from(mlp.in("Wo"), { in: intermediateSize, out: dim, bias: config.mlpBias, init: outOf }),
      },
      {
        activation: config.hiddenActivation,
        gated: true,
        dropout: { rate: config.mlpDropout, site: dropoutSite.mlp(layer) },
      },
    ),
  };
}
