/** Worker threads for the library, which knows no others: each loads the tokenizer once and serves until it is closed. */
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { EngineError } from "../errors.ts";
import type { EncodedTexts } from "./text-to-ids.ts";

/** More would be worth their memory only for batches of many megabytes. */
const MOST_WORKERS = 8;

/** Characters for which one more worker is started. */
const SHARE = 32_768;

/** What a worker runs. Plain JavaScript, so that it is the same from the sources and from the package. */
const PROGRAM = `
const { parentPort, workerData } = require("node:worker_threads");
const { Tokenizer } = require(workerData.library);
const tokenizer = new Tokenizer(workerData.json, workerData.config);
parentPort.on("message", ({ job, texts }) => {
  let row = 0;
  try {
    const rows = texts.map((text, i) => {
      row = i;
      const { ids } = tokenizer.encode(text, { add_special_tokens: false });
      if (ids.includes(undefined)) throw new Error("a piece of it is not in the vocabulary, and there is no unk token");
      return ids;
    });
    const lengths = Int32Array.from(rows, (ids) => ids.length);
    const ids = new Int32Array(lengths.reduce((sum, n) => sum + n, 0));
    let at = 0;
    for (const each of rows) {
      ids.set(each, at);
      at += each.length;
    }
    parentPort.postMessage({ job, ids, lengths }, [ids.buffer, lengths.buffer]);
  } catch (error) {
    parentPort.postMessage({ job, row, error: String(error.message) });
  }
});
`;

interface Reply {
  readonly job: number;
  readonly ids?: Int32Array;
  readonly lengths?: Int32Array;
  readonly row?: number;
  readonly error?: string;
}

interface Job {
  readonly worker: Worker;
  readonly start: number;
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

export class LibraryWorkers {
  readonly #file: string;
  readonly #arguments: readonly [json: object, config: object];
  readonly #limit: number = Math.min(availableParallelism(), MOST_WORKERS);
  readonly #workers: Worker[] = [];
  readonly #jobs = new Map<number, Job>();
  #nextJob = 0;

  constructor(file: string, [json, config]: readonly [json: object, config: object]) {
    this.#file = file;
    this.#arguments = [json, config];
  }

  /** Splits the texts evenly by characters and joins the answers in order. */
  async encode(texts: readonly string[], characters: number): Promise<EncodedTexts> {
    const wanted = Math.min(this.#limit, texts.length, Math.ceil(characters / SHARE));
    while (this.#workers.length < wanted) this.#start();
    const replies = await Promise.all(
      shares(texts, wanted, characters).map(([start, end], i) => this.#send(i, start, texts.slice(start, end))),
    );
    const offsets = new Int32Array(texts.length + 1);
    let row = 0;
    for (const { lengths } of replies) {
      for (const length of lengths!) {
        offsets[row + 1] = offsets[row]! + length;
        row++;
      }
    }
    const ids = new Int32Array(offsets[row]!);
    let at = 0;
    for (const reply of replies) {
      ids.set(reply.ids!, at);
      at += reply.ids!.length;
    }
    return { ids, offsets };
  }

  close(): void {
    for (const worker of this.#workers) void worker.terminate();
    this.#workers.length = 0;
    this.#fail(() => true, "the tokenizer was disposed while it worked");
  }

  #start(): void {
    const [json, config] = this.#arguments;
    const library = createRequire(import.meta.url).resolve("@huggingface/tokenizers");
    // Without this process's flags: a loader or --input-type that it was started with is not for the program above.
    const worker = new Worker(PROGRAM, { eval: true, execArgv: [], workerData: { library, json, config } });
    worker.unref(); // an idle worker does not keep the process alive
    worker.on("message", (reply: Reply) => this.#settle(reply));
    worker.on("error", (error) => this.#lose(worker, error.message));
    worker.on("exit", (code) => this.#lose(worker, `its thread ended with code ${code}`));
    this.#workers.push(worker);
  }

  #send(i: number, start: number, texts: readonly string[]): Promise<Reply> {
    const worker = this.#workers[i]!;
    const job = this.#nextJob++;
    worker.ref();
    return new Promise((resolve, reject) => {
      this.#jobs.set(job, { worker, start, resolve, reject });
      worker.postMessage({ job, texts });
    });
  }

  #settle(reply: Reply): void {
    const job = this.#jobs.get(reply.job);
    if (!job) return;
    this.#jobs.delete(reply.job);
    this.#rest(job.worker);
    if (reply.error === undefined) job.resolve(reply);
    else job.reject(this.#error(`text ${job.start + reply.row!}: ${reply.error}`));
  }

  /** A worker that is gone takes its jobs with it; the next batch starts another. */
  #lose(worker: Worker, why: string): void {
    const at = this.#workers.indexOf(worker);
    if (at >= 0) this.#workers.splice(at, 1);
    this.#fail((job) => job.worker === worker, why);
  }

  #fail(which: (job: Job) => boolean, why: string): void {
    for (const [id, job] of this.#jobs) {
      if (!which(job)) continue;
      this.#jobs.delete(id);
      job.reject(this.#error(why));
    }
  }

  #rest(worker: Worker): void {
    if (![...this.#jobs.values()].some((job) => job.worker === worker)) worker.unref();
  }

  #error(why: string): EngineError {
    return new EngineError(
      "Tokenizer.encodeBatch",
      `${this.#file}: ${why}`,
      "Encode the texts one by one to find the one that fails, and split it or check that the tokenizer fits it.",
    );
  }
}

/** Rows [start, end) for each worker, about equally many characters in each and none empty. */
function shares(texts: readonly string[], workers: number, characters: number): [start: number, end: number][] {
  const found: [number, number][] = [];
  let start = 0;
  let seen = 0;
  texts.forEach((text, i) => {
    seen += text.length;
    const last = i === texts.length - 1;
    if (last || (seen >= ((found.length + 1) * characters) / workers && found.length < workers - 1)) {
      found.push([start, i + 1]);
      start = i + 1;
    }
  });
  return found;
}
