/** The order in which a run saw its data, as a dataset: what was trained on at which step. */
import type { FileHandle } from "node:fs/promises";
import { mkdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { EngineError, IntegerParquetWriter } from "@ettin/core";
import { JOURNAL, type OrderFile, type OrderFolder, orderFolders, orderPrefix, six } from "./order-files.ts";
import { appendJournal, type OrderRow, openJournal, readJournal } from "./order-journal.ts";

const COLUMNS = { input_ids: "list<int32>", step: "int32" } as const;

export interface DataOrderOptions {
  /** "pretraining", "extension", "decay" or another one's name. Steps begin at 1 in each. */
  phase: string;
  /** Steps in a file. @default 100 */
  stepsPerFile?: number;
  /** The last step of the run that goes on: what was written of later steps is removed. @default 0, a new run */
  lastStep?: number;
}

const fault = (what: string, wayOut: string): EngineError => new EngineError("DataOrderWriter", what, wayOut);

/**
 * Writes `checkpoint_000001/steps_000001_to_000100.parquet` … (`ext_…`, `decay_…`): columns `input_ids` and `step`, a row
 * for each sequence, one folder for each checkpoint interval. A step is on the disk when `add` is done.
 *
 *     const order = await DataOrderWriter.open(folder, { phase: "pretraining" });
 *     await order.add(step, sequences);        // each step, from 1
 *     await order.endCheckpoint();             // where a checkpoint was saved
 *     await order.close();
 */
export class DataOrderWriter {
  readonly #folder: string;
  readonly #phase: string;
  readonly #stepsPerFile: number;
  #checkpoint = 1;
  /** The last step that was added. */
  #step: number;
  /** The last step that is in a file. */
  #filed = 0;
  #journal: FileHandle | null = null;

  private constructor(folder: string, phase: string, stepsPerFile: number, step: number) {
    this.#folder = folder;
    this.#phase = phase;
    this.#stepsPerFile = stepsPerFile;
    this.#step = step;
  }

  /** @throws EngineError where steps are missing before `lastStep`, or a file goes over it */
  static async open(folder: string, options: DataOrderOptions): Promise<DataOrderWriter> {
    const { phase, stepsPerFile = 100, lastStep = 0 } = options;
    if (!Number.isSafeInteger(stepsPerFile) || stepsPerFile < 1) {
      throw fault(`stepsPerFile is ${stepsPerFile}`, "Pass a whole number from 1 on.");
    }
    await mkdir(folder, { recursive: true });
    const writer = new DataOrderWriter(folder, phase, stepsPerFile, lastStep);
    await writer.#goOn();
    return writer;
  }

  /**
   * Adds the sequences of a step.
   *
   * @param step one more than the last one
   * @param sequences ids before masking
   */
  async add(step: number, sequences: Iterable<ArrayLike<number>>): Promise<void> {
    if (step !== this.#step + 1) throw fault(`step ${step} comes after step ${this.#step}`, "Add every step in order.");
    if (!this.#journal) {
      await mkdir(this.#path(), { recursive: true });
      this.#journal = await openJournal(join(this.#path(), JOURNAL), []);
    }
    const rows = Array.from(sequences, (ids): OrderRow => ({ step, ids: Int32Array.from(ids) }));
    await appendJournal(this.#journal, rows);
    this.#step = step;
    if (step - this.#filed === this.#stepsPerFile) await this.#endFile();
  }

  /** Completes the file at hand; later steps go to the next folder. */
  async endCheckpoint(): Promise<void> {
    await this.#endFile();
    const folders = await orderFolders(this.#folder, this.#phase);
    this.#checkpoint = (folders.at(-1)?.checkpoint ?? 0) + 1;
  }

  /** Completes the file at hand. */
  close(): Promise<void> {
    return this.#endFile();
  }

  #path(): string {
    return join(this.#folder, `${orderPrefix(this.#phase)}_${six(this.#checkpoint)}`);
  }

  async #endFile(): Promise<void> {
    if (!this.#journal) return;
    await this.#journal.close();
    this.#journal = null;
    const journal = join(this.#path(), JOURNAL);
    const name = `steps_${six(this.#filed + 1)}_to_${six(this.#step)}.parquet`;
    const file = await IntegerParquetWriter.create(join(this.#path(), name), COLUMNS);
    for (const { step, ids } of await readJournal(journal)) await file.write({ input_ids: ids, step });
    await file.finish();
    await rm(journal);
    this.#filed = this.#step;
  }

  /** Brings the folder to where the run goes on. */
  async #goOn(): Promise<void> {
    const lastStep = this.#step;
    let journal: OrderFolder | null = null;
    for (const each of await orderFolders(this.#folder, this.#phase)) {
      for (const leftover of each.leftovers) await rm(leftover);
      for (const file of each.files) await this.#keepOrRemove(file, lastStep);
      if (each.hasJournal) journal = each;
      this.#checkpoint = each.checkpoint;
    }
    const rows = journal ? await readJournal(join(journal.path, JOURNAL)) : [];
    const kept = rows.filter(({ step }) => step > this.#filed && step <= lastStep);
    const reached = kept.at(-1)?.step ?? this.#filed;
    if (reached !== lastStep) {
      const way = "Give the folder that the run wrote, or leave the data order out.";
      throw fault(`${this.#folder} ends at step ${reached}, but the run goes on after step ${lastStep}`, way);
    }
    if (journal && kept.length > 0) {
      this.#checkpoint = journal.checkpoint;
      this.#journal = await openJournal(join(journal.path, JOURNAL), kept); // they are its first
    } else if (journal) {
      await rm(join(journal.path, JOURNAL));
    }
    await this.#endFile(); // a run goes on after a checkpoint
    for (const { path } of await orderFolders(this.#folder, this.#phase)) await rmdir(path).catch(() => {}); // if empty
    await this.endCheckpoint();
  }

  async #keepOrRemove({ path, first, last }: OrderFile, lastStep: number): Promise<void> {
    if (first > lastStep) return rm(path);
    if (last <= lastStep && first === this.#filed + 1) {
      this.#filed = last;
      return;
    }
    throw fault(
      `${path} ${last > lastStep ? `goes over step ${lastStep}` : `does not begin at step ${this.#filed + 1}`}, after which ` +
        "the run goes on",
      "Call endCheckpoint() wherever a checkpoint is saved, or write the order to another folder.",
    );
  }
}
