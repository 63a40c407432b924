/** A worker thread of `runJobs`: answers each job with its result or its error. */
import { parentPort, workerData } from "node:worker_threads";
import type { JobReply, JobRequest, WorkerSettings } from "./run-jobs.ts";
import { openTokenizer, runTask } from "./tasks.ts";

const { task, tokenizer } = workerData as WorkerSettings;
const port = parentPort!;
const reply = (message: JobReply): void => port.postMessage(message);
const opening = openTokenizer(tokenizer);
opening.catch(() => {}); // told with the first job

port.on("message", async ({ job }: JobRequest) => {
  try {
    const context = { tokenizer: await opening, report: (amount: number) => reply({ amount }) };
    reply({ result: await runTask(task, job, context) });
  } catch (error) {
    const { message, where, what, wayOut } = error as Error & Record<"where" | "what" | "wayOut", string | undefined>;
    reply({ error: { message, where, what, wayOut } });
  }
});
