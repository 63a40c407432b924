import { EngineError } from "../errors.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Rows of one length, one after the other. */
export interface PackedVectors {
  /** `[rows · dim]` */
  readonly data: Float32Array;
  readonly rows: number;
  readonly dim: number;
}

/** What a model's `encode` gives for a text. */
export type EmbeddingRow = Float32Array | Int8Array | Uint8Array;

/** Rows in one array: without a copy where they lie so, as `encode` makes them. */
export function packVectors(where: string, rows: readonly EmbeddingRow[]): PackedVectors {
  const [first] = rows;
  const dim = first?.length ?? 0;
  const other = rows.findIndex((row) => row.length !== dim);
  if (other >= 0) {
    throw new EngineError(
      where,
      `row ${other} has ${rows[other]!.length} numbers, but row 0 has ${dim}`,
      "Give rows of one model.",
    );
  }
  if (first instanceof Float32Array && liesPacked(rows)) {
    return { data: new Float32Array(first.buffer, first.byteOffset, rows.length * dim), rows: rows.length, dim };
  }
  const data = new Float32Array(rows.length * dim);
  for (let i = 0; i < rows.length; i++) data.set(rows[i]!, i * dim);
  return { data, rows: rows.length, dim };
}

function liesPacked(rows: readonly EmbeddingRow[]): boolean {
  const { buffer, byteOffset, byteLength } = rows[0]!;
  return rows.every(
    (row, i) => row instanceof Float32Array && row.buffer === buffer && row.byteOffset === byteOffset + i * byteLength,
  );
}

/** `[rows, dim]` float32, of rows from `first` up to `end`. */
export function vectorsTensor({ data, rows, dim }: PackedVectors, first = 0, end: number = rows): Tensor {
  return Tensor.from(data.subarray(first * dim, end * dim), { shape: [end - first, dim] });
}
