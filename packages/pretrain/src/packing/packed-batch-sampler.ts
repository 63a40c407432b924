import { type BatchSampler, EngineError } from "@ettin/core";
import { type PackedRows, packBestFit } from "./best-fit.ts";

export interface PackedBatchSamplerOptions {
  /** Gives the order: batches of `batchSize` rows. */
  source: BatchSampler;
  /** The tokens of a row as they enter the model: special tokens counted, and cut to `maxSeqLen`. */
  length: (row: number) => number;
  /** The rows of one batch of `source`. */
  batchSize: number;
  /** The rows that one group of sequences is meant for; a divisor of `batchSize`. */
  microBatchSize: number;
  maxSeqLen: number;
  /** @default 5 × batchSize */
  bufferSize?: number;
}

/** A sampler whose batches are packed. */
export interface PackedBatchSampler extends BatchSampler {
  /** The same batches, by groups, with how full they are. */
  packed(epoch: number): Iterable<PackedRows<number>>;
}

/**
 * Batches that are as many tokens, not as many rows: `batchSize / microBatchSize` groups, each of up to
 * `microBatchSize · maxSeqLen` tokens, filled by greedy best fit. A batch lists its groups one after the other;
 * `maxTokensPerMicroBatch` of that many tokens runs it in no more pieces than there are groups.
 */
export function packedBatchSampler(options: PackedBatchSamplerOptions): PackedBatchSampler {
  const { source, length, batchSize, microBatchSize, maxSeqLen, bufferSize } = options;
  if (!(batchSize % microBatchSize === 0)) {
    throw new EngineError(
      "packedBatchSampler",
      `batchSize ${batchSize} is not a multiple of microBatchSize ${microBatchSize}`,
      "Choose a divisor.",
    );
  }
  const packed = (epoch: number) =>
    packBestFit(source.batches(epoch), {
      length,
      rows: batchSize / microBatchSize,
      rowLength: microBatchSize * maxSeqLen,
      sourceBatchSize: batchSize,
      ...(bufferSize !== undefined && { bufferSize }),
    });
  return {
    packed,
    *batches(epoch) {
      for (const { rows } of packed(epoch)) yield rows.flat();
    },
    /** At most: a packed batch holds no fewer rows than one of the source. */
    batchesPerEpoch: source.batchesPerEpoch,
  };
}
