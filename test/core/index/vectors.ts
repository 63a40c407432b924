import type { Json, VectorIndex, VectorMetric } from "@ettin/core";
import { normal } from "../../support/array64.ts";

/** Vectors around centres, as embeddings lie: neighbours are near, and the rest is far. */
export function clustered(rows: number, dim: number, seed: number): Float32Array[] {
  const centres = normal([Math.ceil(rows / 20), dim], 99).data;
  const noise = normal([rows, dim], seed, 0.5).data;
  return Array.from({ length: rows }, (_, row) => {
    const centre = (row * 7919) % Math.ceil(rows / 20);
    return Float32Array.from({ length: dim }, (_, d) => centres[centre * dim + d]! + noise[row * dim + d]!);
  });
}

export const named = (count: number, from = 0): string[] => Array.from({ length: count }, (_, i) => `v${from + i}`);

/** The definition, in double precision: every item scored, the best first. */
export function bruteForce(
  items: ReadonlyMap<string, { vector: Float32Array; metadata?: Json }>,
  query: Float32Array,
  metric: VectorMetric,
  k: number,
  filter: (id: string, metadata: Json) => boolean = () => true,
): { id: string; score: number }[] {
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, d) => sum + x * b[d]!, 0);
  const score = (x: Float32Array): number => {
    if (metric === "dot") return dot(query, x);
    if (metric === "cosine") return dot(query, x) / Math.sqrt(dot(query, query) * dot(x, x));
    return -Math.sqrt(query.reduce((sum, q, d) => sum + (q - x[d]!) ** 2, 0));
  };
  return [...items]
    .filter(([id, { metadata = null }]) => filter(id, metadata))
    .map(([id, { vector }]) => ({ id, score: score(vector) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, k);
}

/** How many of the true nearest an index finds, of all that there are. */
export async function recall(
  index: VectorIndex,
  items: ReadonlyMap<string, { vector: Float32Array }>,
  queries: readonly Float32Array[],
  k: number,
  options: { ef?: number } = {},
): Promise<number> {
  const found = await index.searchBatch(queries, { k, ...options });
  const hits = queries.map((query, i) => {
    const right = new Set(bruteForce(items, query, index.metric, k).map(({ id }) => id));
    return found[i]!.filter(({ id }) => right.has(id)).length;
  });
  return hits.reduce((sum, n) => sum + n, 0) / (k * queries.length);
}
