/** What every batch carries: for tokens per second, schedules in tokens, and the numbering of dropout's draws. */
export interface Sized {
  /** Tokens that the model computes. */
  readonly tokenCount: number;
  /** Sequences in the packed stream. */
  readonly sequenceCount: number;
}

/** Where a batch stands in the run: all that its random draws may depend on. */
export interface CollatePlace {
  /** `dataSeed`, or `seed` where there is none. */
  readonly seed: number;
  /** Counts from 0. In evaluation 0. */
  readonly epoch: number;
  /** The optimizer step, from 0. In evaluation the batch's number. */
  readonly step: number;
  /** The number, within the step, of the batch's first sequence. */
  readonly firstSequence: number;
}

/**
 * Rows to a batch. Deterministic in its arguments, so that a resumed run makes the same batches. Called for the next
 * step while the device computes this one.
 */
export type Collator<R, Batch> = (rows: readonly R[], at: CollatePlace) => Batch | Promise<Batch>;

/** What the loop needs of a dataset: `Dataset` and `MultiDataset` have it. */
export interface RowSource<R> {
  readonly length: number;
  /** Changes with the data and with the transformations applied; compared when a run is resumed. */
  readonly fingerprint?: string;
  rows(indices: ArrayLike<number>): R[];
  /** Where a row came from, for messages: a file and a line. */
  place?(row: number): string;
}
