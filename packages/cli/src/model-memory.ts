import type { ModelConfig } from "@ettin/core";

/** Bytes. */
export interface ModelMemory {
  /** The weights. */
  readonly weights: number;
  /** Weights, and the activations of one forward pass over `tokens` tokens. */
  readonly run: number;
  /** Weights, gradients, the optimizer's state, and what a pass keeps for the gradients. */
  readonly train: number;
  /** The same with gradient checkpointing. */
  readonly trainCheckpointing: number;
}

/**
 * The memory that a model needs, by this count. `P` parameters, `W` of them outside the embedding table, `T` tokens in a
 * pass, `L` layers of width `D`; a token's queries, keys and values are `A = (heads + 2 · kvHeads) · headDim` numbers, what
 * attention makes of them `O = heads · headDim`, and the MLP has `G = 3 I` between its projections (the gate's two halves
 * and their product; `2 I` without a gate). A number of an activation takes `b` = 4 bytes in float32, 2 in bfloat16.
 *
 *     weights   4 P, in bfloat16 2 P
 *     run       weights + T · b · (4 D + max(A + O, G))           one block's activations live at a time
 *     train     12 P + 4 V D + T · b · (L · K + 4 D + A + O + G) K = 2 D + A + O + (G less its last I)
 *               or S + T · b · (4 D + A + O + G), if that is more
 *               S = 16 P: weights, gradients and two averages of AdamW in float32. Of the gradients only the vocabulary's
 *               table (V rows) is there while all activations are; the others come as activations go
 *     with gradient checkpointing
 *               12 P + 4 V D + 2 b W + T · b · (L · D + 4 D + A + O + G)   each layer's input, one layer computed again, and
 *                                                                     the weights as products read them several times
 *               or S + 2 b W + T · b · (4 D + A + O + G), if that is more
 *
 * The scores over the vocabulary are not in it: training never makes their matrix, and a forward pass makes the rows
 * that are asked for. Working memory of the kernels adds up to 100 MB.
 */
export function modelMemory(
  parameters: number,
  config: Pick<
    ModelConfig,
    | "vocabSize"
    | "hiddenSize"
    | "numHiddenLayers"
    | "numAttentionHeads"
    | "numKeyValueHeads"
    | "headDim"
    | "intermediateSize"
  >,
  { tokens, dtype, gated }: { tokens: number; dtype: "float32" | "bfloat16"; gated: boolean },
): ModelMemory {
  const { hiddenSize: D, numHiddenLayers: L, numAttentionHeads, numKeyValueHeads, headDim } = config;
  const A = (numAttentionHeads + 2 * numKeyValueHeads) * headDim;
  const O = numAttentionHeads * headDim;
  const G = (gated ? 3 : 2) * config.intermediateSize;
  const b = dtype === "float32" ? 4 : 2;
  const weights = b * parameters;
  const state = 16 * parameters;
  const inner = parameters - config.vocabSize * D;
  const read = 2 * b * inner;
  const layer = 4 * D + A + O + G;
  // What is kept for the gradients, or the gradients: the one goes as the others come.
  const training = (kept: number) => tokens * b * layer + Math.max(state - 4 * inner + tokens * b * L * kept, state);
  return {
    weights,
    run: weights + tokens * b * (4 * D + Math.max(A + O, G)),
    train: training(layer - 2 * D - config.intermediateSize),
    trainCheckpointing: read + training(D),
  };
}
