import { EngineError } from "../errors.ts";
import type { Dataset } from "./dataset.ts";
import { groupByLabel } from "./group-by-label.ts";
import { noDuplicates } from "./no-duplicates.ts";
import { NumpyGenerator } from "./numpy-generator.ts";
import type { BitGenerator } from "./pcg64.ts";

/**
 * Which rows make a batch. The batches of an epoch depend on seed and epoch alone: a run is where it was by going over
 * the batches that it has had, which reads no rows.
 */
export interface BatchSampler {
  /** Row numbers, a batch at a time, made as they are asked for. */
  batches(epoch: number): Iterable<readonly number[]>;
  /** As the reference counts them: with "no_duplicates" an estimate, since rows that wait make batches shorter. */
  readonly batchesPerEpoch: number;
}

/**
 * "batch_sampler": a random order, cut. "no_duplicates": no value occurs twice in a batch, in whatever columns;
 * "no_duplicates_hashed" is the same here. "group_by_label": two rows of each label in turn.
 */
export type BatchSamplerKind = "batch_sampler" | "no_duplicates" | "no_duplicates_hashed" | "group_by_label";

export interface BatchSamplerOptions {
  dataset: Dataset;
  /** Rows of a batch; with "group_by_label" even and at least 4. */
  batchSize: number;
  /** @default "batch_sampler" */
  kind?: BatchSamplerKind;
  /** Leaves out a batch that is not full. @default false */
  dropLast?: boolean;
  /** The order of epoch e is drawn with seed + e. @default 42 */
  seed?: number;
  /**
   * Columns that may have the labels: "group_by_label" uses the first of them that there is, "no_duplicates" does not
   * compare them.
   *
   * @default ["label", "labels", "score", "scores"]
   */
  labelColumns?: readonly string[];
  /** Of "batch_sampler": rows as they lie, if not. @default true */
  shuffle?: boolean;
  /** Of "batch_sampler": "PCG64DXSM" gives the order of MosaicML's loader, which Ettin's recipe uses. @default "PCG64" */
  generator?: BitGenerator;
}

/** What the samplers work with: the options with their defaults. */
export type ResolvedBatchSamplerOptions = Required<BatchSamplerOptions>;

/** The batches of one dataset, by the rules of Sentence Transformers under a generator of our own. */
export function batchSampler(options: BatchSamplerOptions): BatchSampler {
  const resolved: ResolvedBatchSamplerOptions = {
    kind: "batch_sampler",
    dropLast: false,
    seed: 42,
    labelColumns: ["label", "labels", "score", "scores"],
    shuffle: true,
    generator: "PCG64",
    ...options,
  };
  const { batchSize, kind } = resolved;
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new EngineError("batchSampler", `batchSize is ${batchSize}`, "Use a whole number above 0.");
  }
  switch (kind) {
    case "batch_sampler":
      return inOrder(resolved);
    case "no_duplicates":
    case "no_duplicates_hashed":
      return noDuplicates(resolved);
    case "group_by_label":
      return groupByLabel(resolved);
    default:
      throw new EngineError(
        "batchSampler",
        `kind is ${JSON.stringify(kind)}`,
        'Use "batch_sampler", "no_duplicates" or "group_by_label".',
      );
  }
}

/** Full batches and, unless it is dropped, the rest. */
export const batchCount = (rows: number, batchSize: number, dropLast: boolean): number =>
  dropLast ? Math.floor(rows / batchSize) : Math.ceil(rows / batchSize);

function inOrder({
  dataset,
  batchSize,
  dropLast,
  seed,
  shuffle,
  generator,
}: ResolvedBatchSamplerOptions): BatchSampler {
  const { length } = dataset;
  const batchesPerEpoch = batchCount(length, batchSize, dropLast);
  return {
    batchesPerEpoch,
    *batches(epoch) {
      const order = shuffle ? new NumpyGenerator(seed + epoch, generator).permutation(length) : null;
      for (let batch = 0; batch < batchesPerEpoch; batch++) {
        const start = batch * batchSize;
        const rows = Math.min(batchSize, length - start);
        yield Array.from({ length: rows }, (_, i) => (order ? order[start + i]! : start + i));
      }
    },
  };
}
