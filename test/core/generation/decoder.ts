/** A small decoder with grouped queries and layers with and without a window, for tests of generation. */
import {
  type Device,
  embedding,
  layerNorm,
  linear,
  parameter,
  randn,
  rotaryTable,
  selfAttention,
  swiglu,
  Tensor,
  tensorScope,
} from "@ettin/core";
import type { CausalModel } from "../../../packages/core/src/generation/causal-model.ts";
import type { TokenBatch } from "../../../packages/core/src/model/packed-batch.ts";
import type { AttentionCache } from "../../../packages/core/src/nn/attention-cache.ts";

/** Ids of a decoder that is not told otherwise. */
export const vocabulary = 61;

export interface DecoderOptions {
  dtype?: "float32" | "bfloat16";
  heads?: number;
  kvHeads?: number;
  /** Per layer: how many keys before its own a query sees, or null. */
  windows?: readonly (number | null)[];
  positions?: number;
  eosTokenId?: number | null;
  vocabSize?: number;
}

export interface TestDecoder extends CausalModel {
  dispose(): void;
  /** Forward passes so far. */
  readonly passes: number;
}

export function decoder(
  device: Device,
  {
    dtype = "float32",
    heads = 4,
    kvHeads = 2,
    windows = [null, 5, 5, null],
    positions = 2048,
    eosTokenId = null,
    vocabSize = vocabulary,
  }: DecoderOptions = {},
): TestDecoder {
  const dim = 32;
  const headDim = 16;
  let seed = 1;
  const matrix = (rows: number, columns: number, std = 1 / Math.sqrt(columns)) => {
    const x = randn([rows, columns], { seed: seed++, std, device });
    const made = parameter(x.to(dtype));
    x.dispose();
    return made;
  };
  const gain = () => parameter(Tensor.ones([dim], { device }));
  const table = matrix(vocabSize, dim, 1);
  const layers = windows.map(() => ({
    attentionNorm: gain(),
    qkv: matrix((heads + 2 * kvHeads) * headDim, dim),
    attentionOut: matrix(dim, heads * headDim),
    mlpNorm: gain(),
    mlpIn: matrix(2 * 48, dim),
    mlpOut: matrix(dim, 48),
  }));
  const finalNorm = gain();
  const head = matrix(vocabSize, dim, 0.5);
  const rotary = rotaryTable({ positions, dim: headDim, base: 1000, device });

  const attend = (layer: number, qkv: Tensor, offsets: Tensor, cache: AttentionCache | undefined): Tensor => {
    const left = windows[layer]!;
    const shared = { offsets, heads, kvHeads, rotary, ...(left !== null && { window: [left, 0] as const }) };
    return cache ? cache.attend(layer, qkv, shared) : selfAttention(qkv, { ...shared, causal: true });
  };
  let passes = 0;
  const forward = (batch: TokenBatch, { cache }: { cache?: AttentionCache } = {}): Tensor => {
    passes++;
    const offsets = Tensor.from(batch.offsets, { device });
    const x = tensorScope(() => {
      const { tokens } = batch;
      let x = embedding(table, tokens instanceof Tensor ? tokens : Tensor.from(tokens, { device }), { dtype });
      layers.forEach((layer, i) => {
        const qkv = linear(layerNorm(x, layer.attentionNorm), layer.qkv);
        x = x.add(linear(attend(i, qkv, offsets, cache), layer.attentionOut));
        x = x.add(linear(swiglu(linear(layerNorm(x, layer.mlpNorm), layer.mlpIn)), layer.mlpOut));
      });
      return layerNorm(x, finalNorm);
    });
    cache?.advance(batch.offsets);
    return x;
  };
  const parameters = [table, finalNorm, head, ...layers.flatMap((layer) => Object.values(layer))];
  return {
    config: {
      ...{ vocabSize, maxPositionEmbeddings: positions },
      ...{ bosTokenId: 1, eosTokenId, padTokenId: 0 },
    },
    device,
    model: { forward },
    logits: (hidden) => linear(hidden, head),
    get passes() {
      return passes;
    },
    dispose() {
      for (const tensor of [...parameters, rotary.cos, rotary.sin]) tensor.dispose();
    },
  };
}

export const packed = (sequences: readonly (readonly number[])[]): { tokens: Int32Array; offsets: Int32Array } => {
  const offsets = [0];
  for (const sequence of sequences) offsets.push(offsets.at(-1)! + sequence.length);
  return { tokens: Int32Array.from(sequences.flat()), offsets: Int32Array.from(offsets) };
};

/** `length` ids that look random. */
export const ids = (length: number, start: number): number[] =>
  Array.from({ length }, (_, i) => 2 + ((start * 7919 + i * i * 31 + i * 17) % (vocabulary - 2)));
