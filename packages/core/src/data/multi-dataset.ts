import { EngineError } from "../errors.ts";
import type { BatchSampler } from "./batch-sampler.ts";
import type { Dataset } from "./dataset.ts";
import { fingerprintAfter } from "./fingerprint.ts";
import { NumpyGenerator } from "./numpy-generator.ts";
import { partAt, partStarts } from "./part-starts.ts";
import { noteDataset } from "./row-place.ts";
import type { Row } from "./table.ts";

/** How batches of several datasets follow each other. */
export type MultiDatasetBatchSamplerKind = "proportional" | "round_robin";

/**
 * Several datasets with names, whose columns may differ. Rows are numbered through all of them; a batch is from one.
 */
export class MultiDataset {
  readonly length: number;
  readonly names: readonly string[];
  readonly datasets: readonly Dataset[];
  readonly #starts: Float64Array;

  constructor(datasets: Readonly<Record<string, Dataset>>) {
    this.names = Object.keys(datasets);
    this.datasets = Object.values(datasets);
    if (this.datasets.length === 0) throw new EngineError("MultiDataset", "there are no datasets", "Give one or more.");
    this.#starts = partStarts(this.datasets);
    this.length = this.#starts[this.datasets.length]!;
  }

  get fingerprint(): string {
    return fingerprintAfter("", "datasets", ...this.datasets.flatMap((each, i) => [this.names[i]!, each.fingerprint]));
  }

  /** The dataset that has a row, and the row's number there. */
  locate(row: number): { readonly name: string; readonly dataset: Dataset; readonly row: number } {
    if (!Number.isInteger(row) || row < 0 || row >= this.length) {
      throw new EngineError(
        "MultiDataset.locate",
        `row ${row} of ${this.length} was asked for`,
        "Use a number below it.",
      );
    }
    const part = partAt(this.#starts, row);
    return { name: this.names[part]!, dataset: this.datasets[part]!, row: row - this.#starts[part]! };
  }

  at(row: number): Row {
    const { name, dataset, row: local } = this.locate(row);
    const found = dataset.at(local);
    noteDataset(found, name);
    return found;
  }

  rows(indices: ArrayLike<number>): Row[] {
    return Array.from(indices, (row) => this.at(row));
  }

  /** Where a row came from, for messages. */
  place(row: number): string {
    const { name, dataset, row: local } = this.locate(row);
    return `${name}: ${dataset.place(local)}`;
  }
}

export interface MultiDatasetSamplerOptions {
  datasets: MultiDataset;
  /** One for each dataset, in order. */
  samplers: readonly BatchSampler[];
  /**
   * "proportional": from each dataset as many batches as it has, in random order. "round_robin": a batch from each in
   * turn, until one has no more.
   *
   * @default "proportional"
   */
  kind?: MultiDatasetBatchSamplerKind;
  /** @default 42 */
  seed?: number;
}

/** Batches of several datasets, each batch from one of them. */
export function multiDatasetSampler(options: MultiDatasetSamplerOptions): BatchSampler {
  const { datasets, samplers, kind = "proportional", seed = 42 } = options;
  if (samplers.length !== datasets.names.length) {
    throw new EngineError(
      "multiDatasetSampler",
      `there are ${samplers.length} samplers for ${datasets.names.length} datasets`,
      "Give each dataset its own.",
    );
  }
  if (kind !== "proportional" && kind !== "round_robin") {
    throw new EngineError(
      "multiDatasetSampler",
      `kind is ${JSON.stringify(kind)}`,
      'Use "proportional" or "round_robin".',
    );
  }
  const starts = partStarts(datasets.datasets);
  const counts = samplers.map((sampler) => sampler.batchesPerEpoch);
  const open = (epoch: number) => samplers.map((sampler) => sampler.batches(epoch)[Symbol.iterator]());
  const placed = (rows: readonly number[], dataset: number) => rows.map((row) => row + starts[dataset]!);

  if (kind === "round_robin") {
    return {
      batchesPerEpoch: Math.min(...counts) * counts.length,
      *batches(epoch) {
        const iterators = open(epoch);
        for (let dataset = 0; ; dataset = (dataset + 1) % iterators.length) {
          const { done, value } = iterators[dataset]!.next();
          if (done) return;
          yield placed(value, dataset);
        }
      },
    };
  }
  return {
    batchesPerEpoch: counts.reduce((sum, count) => sum + count, 0),
    *batches(epoch) {
      const iterators = open(epoch);
      const turns = Int32Array.from(counts.flatMap((count, dataset) => new Array<number>(count).fill(dataset)));
      new NumpyGenerator(seed + epoch).shuffle(turns);
      for (const dataset of turns) {
        const { done, value } = iterators[dataset]!.next();
        if (!done) yield placed(value, dataset); // a sampler may have fewer batches than it says
      }
    },
  };
}
