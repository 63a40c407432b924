import type { ProgressOptions } from "@ettin/core";
import { given } from "./arguments.ts";
import type { Terminal } from "./command.ts";

/** The error output as a progress bar wants it. */
export const terminalStream = (terminal: Terminal): NonNullable<ProgressOptions["stream"]> => ({
  write: (text: string) => terminal.writeError(text),
  isTTY: terminal.interactive,
  ...given({ columns: process.stderr.columns as number | undefined }),
});

/** Exit codes of a run that was stopped, as the shell counts signals. */
export const SIGNAL_CODES: Readonly<Record<string, number>> = { SIGINT: 130, abort: 130, SIGTERM: 143 };
