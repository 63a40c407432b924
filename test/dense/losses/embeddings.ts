import {
  type Columns,
  type EmbeddingLoss,
  type Labels,
  type LossPass,
  Tensor,
  type TextEncoder,
  tensorScope,
} from "@ettin/core";

/** Four rows, six dimensions: what the reference's values were measured on. */
export const rows = 4;
export const dim = 6;

/** The embedding of a column's row. */
export const component = (column: number, i: number, j: number): number =>
  Math.sin(1 + 0.9 * column + 1.7 * i + 0.6 * j + 0.1 * i * j * (column + 1));

/** Labels of all kinds for the four rows. */
export const f = [0.1, 0.9, 0.4, 0.6];
export const binary = [1, 0, 1, 0];
export const classes = [0, 0, 1, 1];

export const floats = (...lists: number[][]): Labels => {
  const [first] = lists;
  if (lists.length === 1) return { values: Float32Array.from(first!), shape: [first!.length] };
  return {
    values: Float32Array.from(first!.flatMap((_, row) => lists.map((list) => list[row]!))),
    shape: [first!.length, lists.length],
  };
};
export const ints = (list: number[]): Labels => ({ values: Int32Array.from(list), shape: [list.length] });

/** Columns as a batch whose texts do not matter. */
export function batchOf(columns: number, labels: Labels | null = null, count: number = rows): Columns {
  const texts = columns * count;
  return {
    tokens: Int32Array.from({ length: texts }, (_, i) => i),
    offsets: Int32Array.from({ length: texts + 1 }, (_, i) => i),
    columns: new Array(columns).fill(count),
    names: Array.from({ length: columns }, (_, c) => `text_${c}`),
    texts: Array.from({ length: columns }, (_, c) => Array.from({ length: count }, (_, r) => `text ${c} of row ${r}`)),
    labels,
    datasetName: null,
    tokenCount: texts,
    sequenceCount: texts,
  } as Columns;
}

/** A model that no test calls. */
export const noModel: TextEncoder = {
  forward() {
    throw new Error("the texts were encoded");
  },
};

export interface Measured {
  readonly loss: number;
  /** The length of all embeddings' gradients together. */
  readonly norm: number;
  readonly gradients: Float32Array[];
  readonly parts: Readonly<Record<string, number>>;
}

/** Runs a loss on the fixture's columns, or on `given` ones `[rows, dim]`. */
export async function measure(
  loss: Pick<EmbeddingLoss, "fromEmbeddings">,
  columns: number | readonly { readonly data: Float32Array; readonly shape: readonly number[] }[],
  labels: Labels | null = null,
  pass: LossPass = {},
): Promise<Measured> {
  const given =
    typeof columns === "number"
      ? Array.from({ length: columns }, (_, c) => ({
          data: Float32Array.from({ length: rows * dim }, (_, k) => component(c, Math.floor(k / dim), k % dim)),
          shape: [rows, dim],
        }))
      : columns;
  const reads = tensorScope(() => {
    const leaves = given.map(({ data, shape }) => Tensor.from(data, { shape, requiresGrad: true }));
    const value = loss.fromEmbeddings(leaves, batchOf(given.length, labels, given[0]!.shape[0]!), pass);
    const parts = value instanceof Tensor ? [] : Object.entries(value as Record<string, Tensor>);
    const total = value instanceof Tensor ? value : parts.map(([, part]) => part).reduce((sum, part) => sum.add(part));
    const read = {
      loss: total.item(),
      parts: parts.map(([name, part]) => [name, part.item()] as const),
    };
    total.backward();
    return {
      ...read,
      gradients: leaves.map((leaf) =>
        leaf.grad ? (leaf.grad.data() as Promise<Float32Array>) : Promise.resolve(new Float32Array(leaf.size)),
      ),
    };
  });
  const gradients = await Promise.all(reads.gradients);
  const parts: Record<string, number> = {};
  for (const [name, value] of reads.parts) parts[name] = await value;
  const norm = Math.sqrt(gradients.reduce((sum, of) => of.reduce((total, x) => total + x * x, sum), 0));
  return { loss: await reads.loss, norm, gradients, parts };
}

/** Whether a value is an expected one to a relative tolerance. */
export const near = (value: number, expected: number): number => Math.abs(value - expected) / Math.abs(expected);
