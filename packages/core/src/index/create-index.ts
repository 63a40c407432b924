import { checkOptions, type OptionNames } from "../known-options.ts";
import { ExactIndex } from "./exact-index.ts";
import { ExactRows } from "./exact-rows.ts";
import { startHnsw } from "./hnsw-index.ts";
import { type IndexOptions, indexSettings } from "./index-options.ts";
import { ItemTable } from "./item-table.ts";
import type { VectorIndex } from "./vector-index.ts";

const OPTIONS: OptionNames<IndexOptions> = {
  ...{
    dim: true,
    metric: true,
    kind: true,
    expected: true,
    model: true,
    storage: true,
    keepVectors: true,
    ranges: true,
  },
  ...{ m: true, efConstruction: true, ef: true, seed: true },
};
const INSTEAD: Readonly<Record<string, string>> = {
  dimension: "Use dim.",
  dimensions: "Use dim.",
  space: 'Use metric: "cosine", "dot" or "euclidean".',
  maxElements: "An index grows by itself; expected makes room once.",
  precision: "Use storage.",
  efSearch: "Use ef.",
};

/**
 * An index without vectors.
 *
 * HNSW is hnswlib-node, an optional dependency that is compiled where it is installed. With `CXXFLAGS=-march=native` in
 * the environment of that command it uses all of this machine's instructions: building and searching take about 2/3 of
 * the time, and the binary runs on no older machine.
 *
 *     const index = await createIndex({ dim: model.embeddingDimension, model: await modelFingerprint(model) });
 *
 * @throws EngineError where `kind` is "hnsw" and hnswlib-node, an optional dependency, has no binary: it says the
 *   command that makes one
 */
export async function createIndex(options: IndexOptions): Promise<VectorIndex> {
  const where = "createIndex";
  checkOptions(where, options, OPTIONS, INSTEAD);
  const settings = indexSettings(where, options);
  if (settings.kind === "hnsw") return startHnsw(where, settings);
  const { ranges, model, dim, metric, storage, keepVectors } = settings;
  return new ExactIndex(new ExactRows({ dim, metric, storage, keepVectors }, ranges), new ItemTable(), model);
}
