/** What workers do: one source or folder at a time. */
import { Tokenizer } from "@ettin/core";
import { type ChunkJob, type ChunkStats, chunkFolder } from "./chunk-folder.ts";
import { type TokenizeJob, type TokenizeStats, tokenizeSource } from "./tokenize-source.ts";

/** Jobs and results of each task; both travel between threads. */
export interface Tasks {
  tokenize: { job: TokenizeJob; result: TokenizeStats };
  chunk: { job: ChunkJob; result: ChunkStats };
}

export interface TaskContext {
  readonly tokenizer: Tokenizer;
  /** Work that was done: characters or tokens, as the task counts. */
  report(amount: number): void;
  readonly signal?: AbortSignal;
}

type Runner<T extends keyof Tasks> = (job: Tasks[T]["job"], context: TaskContext) => Promise<Tasks[T]["result"]>;

const RUNNERS: { readonly [T in keyof Tasks]: Runner<T> } = {
  tokenize: (job, { tokenizer, report, signal }) => tokenizeSource(job, tokenizer, report, signal),
  chunk: (job, { tokenizer, report, signal }) => chunkFolder(job, tokenizer, report, signal),
};

export const runTask = <T extends keyof Tasks>(
  task: T,
  job: Tasks[T]["job"],
  context: TaskContext,
): Promise<Tasks[T]["result"]> => RUNNERS[task](job, context);

export const openTokenizer = (folder: string): Promise<Tokenizer> => Tokenizer.fromFolder(folder);
