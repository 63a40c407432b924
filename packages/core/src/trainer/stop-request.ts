/** Why a run is to end after the step in hand. */
export type StopReason = "SIGINT" | "SIGTERM" | "abort";

export interface StopRequest {
  /** The first reason, or null. */
  readonly reason: StopReason | null;
  /** Aborted with the first reason. */
  readonly signal: AbortSignal;
  /** Takes the handlers away. */
  dispose(): void;
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/**
 * Listens for signals and for an AbortSignal. The first signal is a request; the handlers go with it, so that a second
 * one does what it does without this run: it ends the process.
 */
export function watchForStop({ signals, abort }: { signals: boolean; abort?: AbortSignal | undefined }): StopRequest {
  let reason: StopReason | null = null;
  const controller = new AbortController();
  const request = (why: StopReason) => {
    reason ??= why;
    controller.abort();
  };
  const onSignal = (signal: NodeJS.Signals) => {
    request(signal as (typeof SIGNALS)[number]);
    unlisten();
  };
  const onAbort = () => request("abort");
  const unlisten = () => {
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
  };
  if (signals) for (const signal of SIGNALS) process.on(signal, onSignal);
  if (abort?.aborted) onAbort();
  abort?.addEventListener("abort", onAbort);
  return {
    get reason() {
      return reason;
    },
    signal: controller.signal,
    dispose() {
      unlisten();
      abort?.removeEventListener("abort", onAbort);
    },
  };
}
