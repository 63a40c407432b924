/** The thread that owns a graph of hnswlib: building one takes minutes, and hnswlib's calls do not return before. */
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { EngineError } from "../errors.ts";

/**
 * What the thread runs. Plain JavaScript, so that it is the same from the sources and from the package. hnswlib-node
 * takes only plain arrays: one of them is filled again and again. Reading it through Node-API is what a call costs
 * beside hnswlib's own work.
 */
const PROGRAM = `
const { parentPort, workerData } = require("node:worker_threads");
const { dim, space } = workerData;
let index = null;
let row = [];
const fill = (rows, i) => {
  for (let d = 0; d < dim; d++) row[d] = rows[i * dim + d];
  return row;
};
const calls = {
  load() {
    const { HierarchicalNSW } = require(workerData.library);
    index = new HierarchicalNSW(space, dim);
    row = new Array(dim).fill(0.5);
  },
  create({ places, m, efConstruction, seed }) {
    index.initIndex(places, m, efConstruction, seed);
  },
  read({ path }) {
    index.readIndexSync(path);
  },
  write({ path }) {
    index.writeIndexSync(path);
  },
  resize({ places }) {
    index.resizeIndex(places);
  },
  add({ labels, rows }) {
    for (let i = 0; i < labels.length; i++) index.addPoint(fill(rows, i), labels[i]);
  },
  delete({ labels }) {
    for (const label of labels) index.markDelete(label);
  },
  get({ label }) {
    return { row: Float32Array.from(index.getPoint(label)) };
  },
  search({ rows, k, ef, allowed }) {
    index.setEf(ef);
    const count = rows.length / dim;
    const labels = new Int32Array(count * k).fill(-1);
    const distances = new Float32Array(count * k);
    const filter = allowed ? (label) => allowed[label] === 1 : undefined;
    for (let i = 0; i < count; i++) {
      const found = index.searchKnn(fill(rows, i), k, filter);
      for (let j = 0; j < found.neighbors.length; j++) {
        labels[i * k + j] = found.neighbors[j];
        distances[i * k + j] = found.distances[j];
      }
    }
    return { labels, distances };
  },
};
parentPort.on("message", ({ job, call, values }) => {
  try {
    const result = calls[call](values) ?? {};
    parentPort.postMessage({ job, result }, Object.values(result).map((array) => array.buffer));
  } catch (error) {
    parentPort.postMessage({ job, error: String(error.message), code: error.code });
  }
});
`;

export interface HnswCalls {
  load: [values: Record<string, never>, result: unknown];
  create: [values: { places: number; m: number; efConstruction: number; seed: number }, result: unknown];
  read: [values: { path: string }, result: unknown];
  write: [values: { path: string }, result: unknown];
  resize: [values: { places: number }, result: unknown];
  add: [values: { labels: Uint32Array; rows: Float32Array }, result: unknown];
  delete: [values: { labels: Uint32Array }, result: unknown];
  get: [values: { label: number }, result: { row: Float32Array }];
  search: [
    values: { rows: Float32Array; k: number; ef: number; allowed: Uint8Array | null },
    result: { labels: Int32Array; distances: Float32Array },
  ];
}

interface Job {
  readonly call: string;
  resolve(result: never): void;
  reject(error: Error): void;
}

interface Reply {
  readonly job: number;
  readonly result?: never;
  readonly error?: string;
}

export class HnswWorker {
  readonly #worker: Worker;
  readonly #jobs = new Map<number, Job>();
  #nextJob = 0;
  #gone = "";

  private constructor(library: string, dim: number, space: string) {
    // Without this process's flags: a loader or --input-type that it was started with is not for the program above.
    this.#worker = new Worker(PROGRAM, { eval: true, execArgv: [], workerData: { library, dim, space } });
    this.#worker.unref(); // an idle index does not keep the process alive
    this.#worker.on("message", (reply: Reply) => this.#settle(reply));
    this.#worker.on("error", (error) => this.#lose(error.message));
    this.#worker.on("exit", (code) => this.#lose(`its thread ended with code ${code}`));
  }

  /** Starts a thread that has hnswlib, without a graph. */
  static async start(where: string, dim: number, metric: "cosine" | "dot" | "euclidean"): Promise<HnswWorker> {
    const space = { cosine: "cosine", dot: "ip", euclidean: "l2" }[metric];
    const worker = new HnswWorker(libraryPath(where), dim, space);
    try {
      await worker.call("load", {});
    } catch (error) {
      worker.close();
      throw binaryError(where, error as Error);
    }
    return worker;
  }

  call<Call extends keyof HnswCalls>(call: Call, values: HnswCalls[Call][0]): Promise<HnswCalls[Call][1]> {
    if (this.#gone) return Promise.reject(this.#error(call, this.#gone));
    const job = this.#nextJob++;
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#jobs.set(job, { call, resolve, reject });
      this.#worker.postMessage({ job, call, values });
    });
  }

  close(): void {
    void this.#worker.terminate();
    this.#lose("the index was disposed");
  }

  #settle({ job: id, result, error }: Reply): void {
    const job = this.#jobs.get(id);
    if (!job) return;
    this.#jobs.delete(id);
    if (this.#jobs.size === 0) this.#worker.unref();
    if (error === undefined) job.resolve(result!);
    else job.reject(this.#error(job.call, error));
  }

  #lose(why: string): void {
    this.#gone ||= why;
    for (const [id, job] of this.#jobs) {
      this.#jobs.delete(id);
      job.reject(this.#error(job.call, this.#gone));
    }
  }

  #error(call: string, why: string): EngineError {
    return new EngineError("VectorIndex", `hnswlib cannot ${call}: ${why}`, "Open the index again from its folder.");
  }
}

function libraryPath(where: string): string {
  try {
    return createRequire(import.meta.url).resolve("hnswlib-node");
  } catch (error) {
    throw new EngineError(
      where,
      `kind "hnsw" needs hnswlib-node, which is not installed`,
      `Run: npm install hnswlib-node@3.0.0 — or use kind "exact", which needs nothing.`,
      { cause: error },
    );
  }
}

/** From npm 12 on a package that was not approved is skipped without the flag, and npm says that it was rebuilt. */
const REBUILD = "npm rebuild hnswlib-node --dangerously-allow-all-scripts";

/** npm installs the package without its binary where install scripts are off. */
function binaryError(where: string, error: Error): EngineError {
  const reason = error.message.split("\n", 1)[0]!.replace(/^.*hnswlib cannot load: /, "");
  return new EngineError(
    where,
    `hnswlib-node has no binary that works here (${reason.slice(0, 200)})`,
    `Run: ${REBUILD} (it compiles this one package) — or use kind "exact", which needs nothing.`,
    { cause: error },
  );
}
