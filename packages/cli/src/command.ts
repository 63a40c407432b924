/** Where a command writes, and what stops it. */
export interface Terminal {
  write(text: string): void;
  writeError(text: string): void;
  /** Whether a person watches the error output. */
  readonly interactive: boolean;
  /** Aborted by Ctrl-C, and by the signals that end processes. */
  readonly signal: AbortSignal;
  /** What comes in. Without it there is nothing to read. */
  readonly input?: TerminalInput;
}

/** The standard input. */
export interface TerminalInput {
  /** Whether a person types it. */
  readonly typed: boolean;
  /** Its lines, without their ends, as they come. */
  lines(): AsyncIterable<string>;
}

/** An option of a command, as `--help` shows it. */
export interface OptionSpec {
  readonly type: "string" | "boolean";
  /** May be given several times. */
  readonly multiple?: boolean;
  /** What stands for the value: "n", "text". */
  readonly value?: string;
  readonly help: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** What the options of a command were. */
export type OptionValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface Command {
  /** A word, or two: "data tokenize". */
  readonly name: string;
  /** A line for the list of commands. */
  readonly summary: string;
  /** Names of the arguments, in order; all are needed. */
  readonly operands: readonly string[];
  /** The name of one more that may be left out. */
  readonly optional?: string;
  /** Whether the last of them may come several times. */
  readonly several?: boolean;
  readonly options: OptionSpecs;
  /** Lines below the options in `--help`. */
  readonly notes?: string;
  /** @returns the exit code */
  run(operands: readonly string[], options: OptionValues, terminal: Terminal): Promise<number>;
}

/** A wrong command line: exit code 2. */
export class UsageError extends Error {}
