import { EngineError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../known-options.ts";
import { NumpyGenerator } from "./numpy-generator.ts";

export interface SplitOptions {
  /** Rows of the second part: below 1 a share, rounded up; else a count. @default what `trainSize` leaves, else 0.25 */
  testSize?: number;
  /** Rows of the first part: below 1 a share, rounded down; else a count. @default what `testSize` leaves */
  trainSize?: number;
  /** @default 42 */
  seed?: number;
  /** Draws the rows; else the first ones are for training, the last ones for the test. @default true */
  shuffle?: boolean;
}

const KNOWN: OptionNames<SplitOptions> = { testSize: true, trainSize: true, seed: true, shuffle: true };

/** The rows of both parts, as Python's `datasets` picks them, and a text that says the same of the same options. */
export function splitRows(
  length: number,
  options: SplitOptions,
): { readonly train: Int32Array; readonly test: Int32Array; readonly key: string } {
  checkOptions("Dataset.trainTestSplit", options, KNOWN);
  const { seed = 42, shuffle = true } = options;
  const given = { testSize: options.testSize, trainSize: options.trainSize };
  if (given.testSize === undefined && given.trainSize === undefined) given.testSize = 0.25;
  refuseMoreThanAll(given);
  const test = rowsOf("testSize", given.testSize, length, Math.ceil);
  const train = rowsOf("trainSize", given.trainSize, length, Math.floor) ?? length - test!;
  const rest = test ?? length - train;
  if (train + rest > length || train < 1) {
    throw new EngineError(
      "Dataset.trainTestSplit",
      `${length} rows cannot give ${train} for training and ${rest} for the test`,
      "Lower testSize or trainSize.",
    );
  }
  const order = shuffle ? new NumpyGenerator(seed).permutation(length) : Int32Array.from({ length }, (_, i) => i);
  const key = JSON.stringify([train, rest, shuffle ? seed : null]);
  return shuffle
    ? { test: order.slice(0, rest), train: order.slice(rest, rest + train), key }
    : { train: order.slice(0, train), test: order.slice(train, train + rest), key };
}

function refuseMoreThanAll({
  testSize = 1,
  trainSize = 1,
}: {
  testSize?: number | undefined;
  trainSize?: number | undefined;
}): void {
  if (testSize >= 1 || trainSize >= 1 || testSize + trainSize <= 1) return;
  throw new EngineError(
    "Dataset.trainTestSplit",
    `testSize ${testSize} and trainSize ${trainSize} are more than 1 together`,
    "Lower one of them, or leave it out.",
  );
}

function rowsOf(
  name: string,
  size: number | undefined,
  length: number,
  round: (share: number) => number,
): number | undefined {
  if (size === undefined) return undefined;
  if (size > 0 && size < 1) return round(size * length);
  if (Number.isInteger(size) && size >= 1 && size < length) return size;
  throw new EngineError(
    "Dataset.trainTestSplit",
    `${name} is ${size} of ${length} rows`,
    "Use a share between 0 and 1, or a number of rows from 1 to below the length.",
  );
}
