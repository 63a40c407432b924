import { basename } from "node:path";
import { EngineError } from "../errors.ts";
import { byteStream } from "../formats/byte-stream.ts";
import { readNpyIntegers } from "../formats/npy.ts";
import type { BatchSampler } from "./batch-sampler.ts";

export interface FileOrderOptions {
  /** Rows of a batch, for a list that is not cut into batches. @default none */
  batchSize?: number;
  /** Leaves out the last batch of such a list if it is not full. @default false */
  dropLast?: boolean;
  /** Rows of the dataset: a number that is not below it is an error now, and not later. @default not checked */
  rows?: number;
}

const WHERE = "FileOrder.open";

/**
 * Batches that a file lists, the same in every epoch: to repeat the order of another run.
 *
 * The file is JSON lines with an array of row numbers for every batch; or one list: a row number on every line, one
 * JSON array in a .json file, or a one-dimensional .npy file, cut by `batchSize`. A two-dimensional .npy file has a
 * batch in every row.
 */
export class FileOrder implements BatchSampler {
  readonly batchesPerEpoch: number;
  readonly #rows: Int32Array;
  /** `[batches + 1]` */
  readonly #offsets: Int32Array;

  private constructor(rows: Int32Array, offsets: Int32Array) {
    this.#rows = rows;
    this.#offsets = offsets;
    this.batchesPerEpoch = offsets.length - 1;
  }

  static async open(file: string, options: FileOrderOptions = {}): Promise<FileOrder> {
    const name = basename(file);
    const { rows, ends } = /\.npy$/i.test(file) ? await fromNpy(file) : await fromJson(file);
    const most = options.rows ?? 2 ** 31;
    const wrong = rows.findIndex((row) => row < 0 || row >= most);
    if (wrong >= 0) {
      throw new EngineError(
        WHERE,
        `${name} has row ${rows[wrong]} at place ${wrong}, but there are ${options.rows ?? "at most 2^31"} rows`,
        "Use the order of this dataset.",
      );
    }
    return new FileOrder(rows, ends ?? cut(name, rows.length, options));
  }

  *batches(): Generator<readonly number[]> {
    for (let batch = 0; batch < this.batchesPerEpoch; batch++) {
      yield Array.from(this.#rows.subarray(this.#offsets[batch], this.#offsets[batch + 1]));
    }
  }
}

/** Row numbers one after the other, and `[batches + 1]` where batches end, if the file says so. */
interface Listed {
  readonly rows: Int32Array;
  readonly ends: Int32Array | null;
}

function cut(name: string, length: number, { batchSize, dropLast = false }: FileOrderOptions): Int32Array {
  if (batchSize === undefined || !Number.isInteger(batchSize) || batchSize < 1) {
    throw new EngineError(WHERE, `${name} is one list and batchSize is ${batchSize}`, "Set batchSize.");
  }
  const batches = dropLast ? Math.floor(length / batchSize) : Math.ceil(length / batchSize);
  return Int32Array.from({ length: batches + 1 }, (_, i) => Math.min(i * batchSize, length));
}

async function fromNpy(file: string): Promise<Listed> {
  const { shape, values } = await readNpyIntegers(WHERE, file);
  if (shape.length === 1) return { rows: values, ends: null };
  if (shape.length !== 2) {
    throw new EngineError(WHERE, `${basename(file)} has shape [${shape.join(", ")}]`, "Save one or two dimensions.");
  }
  return { rows: values, ends: Int32Array.from({ length: shape[0]! + 1 }, (_, i) => i * shape[1]!) };
}

async function fromJson(file: string): Promise<Listed> {
  const chunks: Buffer[] = [];
  for await (const chunk of byteStream(WHERE, file)) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString("utf8").split("\n");
  const [rows, ends]: [number[], number[]] = [[], [0]];
  let batches: boolean | null = /\.json(?:\.gz|\.zst)?$/i.test(file) ? false : null;
  if (batches === false) lines.splice(0, lines.length, lines.join(" "));
  lines.forEach((line, i) => {
    if (line.trim() === "") return;
    const value = parsed(file, line, i + 1);
    const list = typeof value === "number" ? [value] : value;
    batches ??= typeof value !== "number";
    const fits = Array.isArray(list) && list.every((row) => Number.isInteger(row) && row === (row | 0));
    if (!fits || (batches && typeof value === "number")) {
      throw new EngineError(WHERE, `${basename(file)}, line ${i + 1} is no list of row numbers`, "Write [3, 1, 4].");
    }
    for (const row of list as number[]) rows.push(row);
    ends.push(rows.length);
  });
  return { rows: Int32Array.from(rows), ends: batches ? Int32Array.from(ends) : null };
}

function parsed(file: string, line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new EngineError(
      WHERE,
      `${basename(file)}, line ${number} is not JSON: ${(error as Error).message}`,
      "Write an array of row numbers on every line.",
      { cause: error },
    );
  }
}
