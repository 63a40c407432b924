/** The order in which a run saw its data, as a dataset: what was trained on at which step. */
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EngineError, flushFolder, IntegerParquetWriter } from "@ettin/core";

/** The recipe's phases. Steps begin at 1 in each. */
export type DataOrderPhase = "pretraining" | "extension" | "decay";

const PREFIXES: Readonly<Record<DataOrderPhase, string>> = {
  pretraining: "checkpoint",
  extension: "ext",
  decay: "decay",
};

const COLUMNS = { input_ids: "list<int32>", step: "int32" } as const;
const FILE = /^steps_(\d{6,})_to_(\d{6,})\.parquet$/;

export interface DataOrderOptions {
  phase: DataOrderPhase;
  /** Steps in a file. @default 100 */
  stepsPerFile?: number;
  /** The last step of the run that goes on: what was written of later steps is removed. @default 0, a new run */
  lastStep?: number;
}

/** The sequences of a step, one after the other. */
export interface StepSequences {
  /** Ids before masking. */
  readonly tokens: ArrayLike<number> & { subarray(start: number, end: number): ArrayLike<number> };
  /** `[sequences + 1]`. */
  readonly offsets: ArrayLike<number>;
}

/**
 * Writes `checkpoint_000001/steps_000001_to_000100.parquet` … (`ext_…`, `decay_…`): columns `input_ids` and `step`, one
 * folder for each checkpoint interval.
 *
 *     const order = await DataOrderWriter.open(folder, { phase: "pretraining" });
 *     await order.add(step, batch);            // each step, from 1
 *     await order.endCheckpoint();             // where a checkpoint is saved: all steps so far are on the disk then
 */
export class DataOrderWriter {
  readonly #folder: string;
  readonly #prefix: string;
  readonly #stepsPerFile: number;
  #checkpoint: number;
  #step: number;
  #file: IntegerParquetWriter | null = null;
  #first = 0;

  private constructor(folder: string, prefix: string, stepsPerFile: number, checkpoint: number, step: number) {
    this.#folder = folder;
    this.#prefix = prefix;
    this.#stepsPerFile = stepsPerFile;
    this.#checkpoint = checkpoint;
    this.#step = step;
  }

  /** @throws EngineError where a file goes over `lastStep`, or steps are missing before it */
  static async open(
    folder: string,
    { phase, stepsPerFile = 100, lastStep = 0 }: DataOrderOptions,
  ): Promise<DataOrderWriter> {
    if (!Object.hasOwn(PREFIXES, phase)) {
      const known = Object.keys(PREFIXES).join(", ");
      throw new EngineError("DataOrderWriter", `phase is ${JSON.stringify(phase)}`, `Use one of ${known}.`);
    }
    if (!Number.isSafeInteger(stepsPerFile) || stepsPerFile < 1) {
      throw new EngineError("DataOrderWriter", `stepsPerFile is ${stepsPerFile}`, "Pass a whole number from 1 on.");
    }
    const prefix = PREFIXES[phase];
    await mkdir(folder, { recursive: true });
    const checkpoint = await removeAfter(folder, prefix, lastStep);
    return new DataOrderWriter(folder, prefix, stepsPerFile, checkpoint + 1, lastStep);
  }

  /** @param step one more than the last one */
  async add(step: number, { tokens, offsets }: StepSequences): Promise<void> {
    if (step !== this.#step + 1) {
      throw new EngineError(
        "DataOrderWriter",
        `step ${step} comes after step ${this.#step}`,
        "Add every step in order.",
      );
    }
    if (!this.#file) {
      this.#first = step;
      const checkpoint = join(this.#folder, `${this.#prefix}_${six(this.#checkpoint)}`);
      await mkdir(checkpoint, { recursive: true });
      // the last step is in the name, and known only when the file ends
      this.#file = await IntegerParquetWriter.create(join(checkpoint, `.steps_${six(step)}.parquet`), COLUMNS);
    }
    for (let i = 0; i + 1 < offsets.length; i++) {
      await this.#file.write({ input_ids: tokens.subarray(offsets[i]!, offsets[i + 1]!), step });
    }
    this.#step = step;
    if (step - this.#first + 1 === this.#stepsPerFile) await this.#endFile();
  }

  /** Completes the file at hand; later steps go to the next folder. */
  async endCheckpoint(): Promise<void> {
    await this.#endFile();
    if (existsSync(join(this.#folder, `${this.#prefix}_${six(this.#checkpoint)}`))) this.#checkpoint++;
  }

  /** The same at the end of the phase. */
  finish(): Promise<void> {
    return this.endCheckpoint();
  }

  async #endFile(): Promise<void> {
    if (!this.#file) return;
    const { path } = this.#file;
    await this.#file.finish();
    this.#file = null;
    const folder = dirname(path);
    await rename(path, join(folder, `steps_${six(this.#first)}_to_${six(this.#step)}.parquet`));
    await flushFolder(folder);
  }
}

const six = (n: number): string => String(n).padStart(6, "0");

interface OrderFile {
  readonly checkpoint: number;
  readonly path: string;
  readonly first: number;
  readonly last: number;
}

/** The files of a phase, by step. */
async function orderFiles(folder: string, prefix: string): Promise<OrderFile[]> {
  const files: OrderFile[] = [];
  for (const entry of await readdir(folder).catch((): string[] => [])) {
    const number = new RegExp(`^${prefix}_(\\d{6,})$`).exec(entry)?.[1];
    if (number === undefined) continue;
    for (const name of await readdir(join(folder, entry))) {
      const found = FILE.exec(name);
      if (!found) continue;
      const [first, last] = [Number(found[1]), Number(found[2])];
      files.push({ checkpoint: Number(number), path: join(folder, entry, name), first, last });
    }
  }
  return files.sort((a, b) => a.first - b.first);
}

/**
 * Removes files of later steps, and what unfinished writes left.
 *
 * @returns the number of the last folder that stays; 0 for none
 */
async function removeAfter(folder: string, prefix: string, lastStep: number): Promise<number> {
  let checkpoint = 0;
  let expected = 1;
  for (const { path, first, last, checkpoint: number } of await orderFiles(folder, prefix)) {
    if (first > lastStep) {
      await rm(path);
    } else if (last > lastStep || first !== expected) {
      const what = last > lastStep ? `goes over step ${lastStep}` : `does not begin at step ${expected}`;
      throw new EngineError(
        "DataOrderWriter",
        `${path} ${what}, where the run goes on`,
        "Call endCheckpoint() wherever a checkpoint is saved, or write the order to another folder.",
      );
    } else {
      checkpoint = Math.max(checkpoint, number);
      expected = last + 1;
    }
  }
  if (expected !== lastStep + 1) {
    throw new EngineError(
      "DataOrderWriter",
      `${folder} ends at step ${expected - 1}, but the run goes on after step ${lastStep}`,
      "Give the folder that the run wrote, or leave the data order out.",
    );
  }
  for (const entry of await readdir(folder)) {
    if (!new RegExp(`^${prefix}_\\d{6,}$`).test(entry)) continue;
    for (const name of await readdir(join(folder, entry))) {
      if (name.startsWith(".steps_") || /^\..*\.partial$/.test(name)) await rm(join(folder, entry, name));
    }
    await rmdir(join(folder, entry)).catch(() => {}); // where nothing is left
  }
  return checkpoint;
}

/** The files of a phase's data order, in the order of their steps. */
export async function dataOrderFiles(folder: string, phase: DataOrderPhase): Promise<string[]> {
  return (await orderFiles(folder, PREFIXES[phase])).map(({ path }) => path);
}
