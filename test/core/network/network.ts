/** A small network with all that a transformer block has, for tests of the engine as a whole. */
import {
  type Device,
  embedding,
  geglu,
  layerNorm,
  linear,
  linearCrossEntropy,
  parameter,
  randn,
  rotaryTable,
  segmentMean,
  selfAttention,
  Tensor,
} from "@ettin/core";

const dim = 96;
const heads = 3;
const vocabulary = 211;

export interface Network {
  readonly parameters: readonly Tensor[];
  /** `[tokens, dim]` */
  forward(tokens: Tensor, offsets: Tensor): Tensor;
  /** One vector per sequence. */
  embed(sequences: readonly (readonly number[])[]): Tensor;
  /** Next-token loss over all rows but each sequence's last. */
  loss(sequences: readonly (readonly number[])[]): Tensor;
  dispose(): void;
}

export function network(device: Device, options: { causal?: boolean; window?: [number, number] } = {}): Network {
  let seed = 1;
  const matrix = (rows: number, columns: number) =>
    parameter(randn([rows, columns], { seed: seed++, std: 1 / Math.sqrt(columns), device }));
  const gain = () => parameter(Tensor.ones([dim], { device }));
  const table = matrix(vocabulary, dim);
  const layers = [0, 1].map(() => ({
    attentionNorm: gain(),
    qkv: matrix(3 * dim, dim),
    attentionOut: matrix(dim, dim),
    mlpNorm: gain(),
    mlpIn: matrix(2 * 160, dim),
    mlpOut: matrix(dim, 160),
  }));
  const finalNorm = gain();
  const rotary = rotaryTable({ positions: 256, dim: dim / heads, base: 10000, device });
  const int32 = (values: readonly number[]) => Tensor.from([...values], { dtype: "int32", device });

  const forward = (tokens: Tensor, offsets: Tensor): Tensor => {
    let x = embedding(table, tokens);
    for (const layer of layers) {
      const qkv = linear(layerNorm(x, layer.attentionNorm), layer.qkv);
      x = x.add(linear(selfAttention(qkv, { offsets, heads, rotary, ...options }), layer.attentionOut));
      x = x.add(linear(geglu(linear(layerNorm(x, layer.mlpNorm), layer.mlpIn)), layer.mlpOut));
    }
    return layerNorm(x, finalNorm);
  };

  const parameters = [table, finalNorm, ...layers.flatMap((layer) => Object.values(layer))];
  return {
    parameters,
    forward,
    dispose() {
      for (const tensor of [...parameters, rotary.cos, rotary.sin]) tensor.dispose();
    },
    embed(sequences) {
      const offsets = int32(offsetsOf(sequences));
      return segmentMean(forward(int32(sequences.flat()), offsets), offsets);
    },
    loss(sequences) {
      const inputs = sequences.map((sequence) => sequence.slice(0, -1));
      const hidden = forward(int32(inputs.flat()), int32(offsetsOf(inputs)));
      return linearCrossEntropy(hidden, table, { targets: int32(sequences.flatMap((sequence) => sequence.slice(1))) });
    },
  };
}

export function offsetsOf(sequences: readonly (readonly number[])[]): number[] {
  const offsets = [0];
  for (const sequence of sequences) offsets.push(offsets.at(-1)! + sequence.length);
  return offsets;
}

/** `length` token ids that look random. */
export const tokens = (length: number, start: number): number[] =>
  Array.from({ length }, (_, i) => (start * 7919 + i * i * 31 + i * 17) % vocabulary);
