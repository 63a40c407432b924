import { type DeviceName, setDefaultDevice } from "@ettin/core";
import { parseArguments } from "./arguments.ts";
import { type Command, type Terminal, UsageError } from "./command.ts";
import { buildIndex } from "./commands/build-index.ts";
import { dataCommands } from "./commands/data.ts";
import { doctor } from "./commands/doctor.ts";
import { encode } from "./commands/encode.ts";
import { fillMask } from "./commands/fill-mask.ts";
import { generate } from "./commands/generate.ts";
import { info } from "./commands/info.ts";
import { mine } from "./commands/mine.ts";
import { pretrain } from "./commands/pretrain.ts";
import { search } from "./commands/search.ts";
import { trainDense } from "./commands/train-dense.ts";
import { overview, usage } from "./help.ts";
import { nearest } from "./nearest.ts";
import { version } from "./version.ts";

const COMMANDS: readonly Command[] = [
  fillMask,
  generate,
  encode,
  buildIndex,
  search,
  mine,
  trainDense,
  pretrain,
  info,
  ...dataCommands,
  doctor,
];

/** The exit codes: done, failed, wrong command line, stopped by Ctrl-C. */
const [DONE, FAILED, USAGE, STOPPED] = [0, 1, 2, 130];

/**
 * Runs a command line.
 *
 * @param args without the program's name
 * @returns the exit code: 0 done, 1 failed, 2 wrong command line, 130 stopped
 */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = joined(args);
  try {
    if (name === undefined) {
      terminal.writeError(overview(COMMANDS));
      return USAGE;
    }
    if (name === "--help" || name === "-h" || name === "help") {
      const asked = COMMANDS.find((command) => command.name === joined(rest)[0]);
      terminal.write(asked ? usage(asked) : overview(COMMANDS));
      return DONE;
    }
    if (name === "--version" || name === "-v") {
      terminal.write(`${version()}\n`);
      return DONE;
    }
    const command = COMMANDS.find((each) => each.name === name);
    if (!command) throw unknownCommand(name);
    const { operands, options } = parseArguments(
      command,
      rest.map((arg) => (arg === "-h" ? "--help" : arg)),
    );
    if (options.help) {
      terminal.write(usage(command));
      return DONE;
    }
    if (options.device !== undefined) setDefaultDevice(options.device as DeviceName);
    const code = await command.run(operands, options, terminal);
    return terminal.signal.aborted ? STOPPED : code;
  } catch (error) {
    if (terminal.signal.aborted) return STOPPED;
    report(error, rest.includes("--debug"), terminal);
    return error instanceof UsageError ? USAGE : FAILED;
  }
}

/** Arguments with a command of two words as one. */
function joined([first, second, ...rest]: readonly string[]): readonly string[] {
  const both = `${first} ${second}`;
  const known = COMMANDS.some(({ name }) => name === both);
  return known ? [both, ...rest] : [first, second, ...rest].filter((arg) => arg !== undefined);
}

function unknownCommand(name: string): UsageError {
  const near = nearest(
    name,
    COMMANDS.map((command) => command.name),
  );
  return new UsageError(
    `there is no command ${JSON.stringify(name)}. ${near ? `Did you mean ettin ${near}?` : "See ettin --help"}`,
  );
}

function report(error: unknown, debug: boolean, terminal: Terminal): void {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  terminal.writeError(`ettin: ${debug ? (stack ?? message) : message}\n`);
  let cause = error instanceof Error ? error.cause : undefined;
  while (debug && cause instanceof Error) {
    terminal.writeError(`caused by: ${cause.stack ?? cause.message}\n`);
    cause = cause.cause;
  }
}
