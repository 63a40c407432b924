import { type BatchSampler, batchCount, batchSampler } from "../data/batch-sampler.ts";
import { Dataset } from "../data/dataset.ts";
import { FileOrder } from "../data/file-order.ts";
import { MultiDataset, multiDatasetSampler } from "../data/multi-dataset.ts";
import { NumpyGenerator } from "../data/numpy-generator.ts";
import { EngineError } from "../errors.ts";
import type { RowSource } from "./collator.ts";
import type { TrainingArguments } from "./training-arguments.ts";

/** The batches that the arguments ask for: `order`, else `batchSampler` and `multiDatasetBatchSampler`. */
export async function samplerOf(dataset: RowSource<unknown>, args: TrainingArguments): Promise<BatchSampler> {
  const { perDeviceTrainBatchSize: batchSize, dataloaderDropLast: dropLast, batchSampler: kind } = args;
  const seed = args.dataSeed ?? args.seed;
  if (args.order !== null) return FileOrder.open(args.order, { batchSize, dropLast, rows: dataset.length });
  if (dataset instanceof Dataset) return batchSampler({ dataset, batchSize, dropLast, seed, kind });
  if (dataset instanceof MultiDataset) {
    const samplers = dataset.datasets.map((each) => batchSampler({ dataset: each, batchSize, dropLast, seed, kind }));
    return multiDatasetSampler({ datasets: dataset, samplers, kind: args.multiDatasetBatchSampler, seed });
  }
  if (kind === "batch_sampler") return shuffledRows(dataset.length, batchSize, seed, dropLast);
  throw new EngineError(
    "train",
    `batchSampler is "${kind}", but trainDataset is no Dataset, so that its columns are not known`,
    "Pass a Dataset (Dataset.fromRows), or a batchSampler of your own.",
  );
}

/** A new order each epoch, cut into batches: the one that a `Dataset` of as many rows has. */
function shuffledRows(rows: number, batchSize: number, seed: number, dropLast: boolean): BatchSampler {
  const batchesPerEpoch = batchCount(rows, batchSize, dropLast);
  return {
    batchesPerEpoch,
    *batches(epoch) {
      const order = new NumpyGenerator(seed + epoch).permutation(rows);
      for (let b = 0; b < batchesPerEpoch; b++) yield Array.from(order.subarray(b * batchSize, (b + 1) * batchSize));
    },
  };
}
