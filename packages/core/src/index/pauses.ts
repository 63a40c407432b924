import { setImmediate } from "node:timers/promises";

/** Longer than this a loop of ours does not hold the thread. */
const MOST_MS = 8;

/** For long loops on JavaScript's thread: lets other work run from time to time. */
export class Pauses {
  readonly #signal: AbortSignal | undefined;
  #since = performance.now();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
    signal?.throwIfAborted();
  }

  /** Whether it is time. */
  get due(): boolean {
    return performance.now() - this.#since > MOST_MS;
  }

  /** Waits if it is time; throws if the signal says so. */
  async take(): Promise<void> {
    if (!this.due) return;
    await setImmediate();
    this.#signal?.throwIfAborted();
    this.#since = performance.now();
  }
}
