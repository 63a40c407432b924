import { EngineError } from "../errors.ts";

/** One vector, or several of one length. */
export type Vectors = Float32Array | readonly Float32Array[];

/** Vectors one after the other. */
export interface Rows {
  readonly data: Float32Array;
  readonly rows: number;
  readonly dim: number;
}

/**
 * Vectors as rows of one array.
 *
 * @throws EngineError where their lengths differ
 */
export function rowsOf(where: string, name: string, vectors: Vectors): Rows {
  if (vectors instanceof Float32Array) return { data: vectors, rows: 1, dim: vectors.length };
  const dim = vectors[0]?.length ?? 0;
  vectors.forEach((vector, i) => {
    if (!(vector instanceof Float32Array) || vector.length !== dim) {
      const found = vector instanceof Float32Array ? `${vector.length} numbers` : `no Float32Array`;
      throw new EngineError(
        where,
        `${name}[${i}] has ${found}, but ${name}[0] has ${dim}`,
        "Pass vectors of one length; those of an integer precision are compared by an index.",
      );
    }
  });
  return { data: joined(vectors, dim), rows: vectors.length, dim };
}

/** The buffer that the vectors are views of, where they follow each other in it; else a copy. */
function joined(vectors: readonly Float32Array[], dim: number): Float32Array {
  const [first] = vectors;
  if (!first) return new Float32Array(0);
  const follows = vectors.every(
    (vector, i) => vector.buffer === first.buffer && vector.byteOffset === first.byteOffset + 4 * i * dim,
  );
  if (follows) return new Float32Array(first.buffer, first.byteOffset, vectors.length * dim);
  const data = new Float32Array(vectors.length * dim);
  vectors.forEach((vector, i) => {
    data.set(vector, i * dim);
  });
  return data;
}
