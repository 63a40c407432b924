import { Worker } from "node:worker_threads";
import { EngineError } from "@ettin/core";
import { openTokenizer, runTask, type Tasks } from "./tasks.ts";

export interface RunJobsOptions {
  /** Threads; 0 runs the jobs one after the other in this one. */
  readonly workers: number;
  /** The tokenizer's folder. */
  readonly tokenizer: string;
  readonly signal?: AbortSignal | undefined;
  /** Told what was done since the last call, as the task counts it. */
  readonly onProgress?: ((amount: number) => void) | undefined;
}

export interface WorkerSettings {
  readonly task: keyof Tasks;
  readonly tokenizer: string;
}

export interface JobRequest {
  readonly job: never;
}

interface JobError {
  readonly message: string;
  readonly where: string | undefined;
  readonly what: string | undefined;
  readonly wayOut: string | undefined;
}

export type JobReply = { readonly amount: number } | { readonly result: unknown } | { readonly error: JobError };

/** The worker's program lies beside this file, under the same suffix: a source, or what was built of it. */
const FROM_SOURCES = import.meta.url.endsWith(".ts");
const PROGRAM = new URL(FROM_SOURCES ? "./job-worker.ts" : "./job-worker.js", import.meta.url);

/** A loader is for sources alone; other flags of this process, such as --input-type, are not for the program above. */
const FLAGS = FROM_SOURCES ? process.execArgv : [];

/**
 * Runs jobs on worker threads, each taking the next one when it is done. The first error stops all of them.
 *
 * @returns the results, in the order of the jobs
 */
export async function runJobs<T extends keyof Tasks>(
  task: T,
  jobs: readonly Tasks[T]["job"][],
  { workers, tokenizer, signal, onProgress = () => {} }: RunJobsOptions,
): Promise<Tasks[T]["result"][]> {
  signal?.throwIfAborted();
  const results = new Array<Tasks[T]["result"]>(jobs.length);
  if (workers === 0) {
    const opened = await openTokenizer(tokenizer);
    try {
      for (const [i, job] of jobs.entries()) {
        const context = { tokenizer: opened, report: onProgress, ...(signal ? { signal } : {}) };
        results[i] = await runTask(task, job, context);
      }
    } finally {
      opened.dispose();
    }
    return results;
  }

  const threads = Array.from(
    { length: Math.min(workers, jobs.length) },
    () => new Worker(PROGRAM, { execArgv: FLAGS, workerData: { task, tokenizer } satisfies WorkerSettings }),
  );
  const stopped = new Promise<never>((_, reject) => {
    if (signal) signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  stopped.catch(() => {});
  let next = 0;
  try {
    await Promise.race([
      stopped,
      Promise.all(
        threads.map(async (thread) => {
          for (let i = next++; i < jobs.length; i = next++) {
            results[i] = (await ask(thread, jobs[i]!, onProgress)) as Tasks[T]["result"];
          }
        }),
      ),
    ]);
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
  return results;
}

function ask(thread: Worker, job: unknown, onProgress: (amount: number) => void): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void) => {
      thread.off("message", onMessage).off("error", onError).off("exit", onExit);
      end();
    };
    const onMessage = (reply: JobReply) => {
      if ("amount" in reply) onProgress(reply.amount);
      else settle(() => ("error" in reply ? reject(errorOf(reply.error)) : resolve(reply.result)));
    };
    const onError = (error: Error) => settle(() => reject(error));
    const onExit = (code: number) =>
      settle(() => {
        const what = `a worker thread ended with code ${code}`;
        reject(new EngineError("prepare", what, "Run it again with fewer workers."));
      });
    thread.on("message", onMessage).on("error", onError).on("exit", onExit);
    thread.postMessage({ job });
  });
}

function errorOf({ message, where, what, wayOut }: JobError): Error {
  return where !== undefined && what !== undefined && wayOut !== undefined
    ? new EngineError(where, what, wayOut)
    : new Error(message);
}
