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
import { inOptionWords } from "./option-words.ts";
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
      terminal.write(helpOn(joined(rest.filter((arg) => !arg.startsWith("-")))));
      return DONE;
    }
    if (name === "--version" || name === "-v") {
      terminal.write(`${version()}\n`);
      return DONE;
    }
    const command = COMMANDS.find((each) => each.name === name);
    if (!command && isGroup(name) && (rest[0] === "--help" || rest[0] === "-h")) {
      terminal.write(helpOn([name]));
      return DONE;
    }
    if (!command) throw unknownCommand(name, rest[0]);
    const end = rest.indexOf("--"); // behind it all is text
    const { operands, options } = parseArguments(
      command,
      rest.map((arg, i) => (arg === "-h" && (end < 0 || i < end) ? "--help" : arg)),
    );
    if (options.help) {
      terminal.write(usage(command));
      return DONE;
    }
    if (options.device !== undefined) setDefaultDevice(deviceName(options.device as string));
    const code = await command.run(operands, options, terminal);
    return terminal.signal.aborted && code === DONE ? STOPPED : code;
  } catch (error) {
    if (terminal.signal.aborted) return STOPPED;
    const { options = {} } = COMMANDS.find((each) => each.name === name) ?? {};
    report(error, rest.includes("--debug"), Object.keys(options), terminal);
    return error instanceof UsageError ? USAGE : FAILED;
  }
}

function deviceName(text: string): DeviceName {
  if (/^(cpu|cuda(:\d+)?)$/.test(text)) return text as DeviceName;
  throw new UsageError(`--device is ${JSON.stringify(text)}, but cpu, cuda or, of several GPUs, cuda:1 is needed`);
}

/** Arguments with a command of two words as one. */
function joined([first, second, ...rest]: readonly string[]): readonly string[] {
  const both = `${first} ${second}`;
  const known = COMMANDS.some(({ name }) => name === both);
  return known ? [both, ...rest] : [first, second, ...rest].filter((arg) => arg !== undefined);
}

/** Commands of two words that begin with one: "data". */
const inGroup = (name: string): readonly Command[] => COMMANDS.filter((each) => each.name.startsWith(`${name} `));
const isGroup = (name: string): boolean => inGroup(name).length > 0;

/** The help on a command, on the commands of a group, or on all where nothing is asked for. */
function helpOn([name, second]: readonly string[]): string {
  const command = COMMANDS.find((each) => each.name === name);
  if (command) return usage(command);
  if (name === undefined) return overview(COMMANDS);
  if (!isGroup(name) || second !== undefined) throw unknownCommand(name, second);
  return overview(inGroup(name));
}

function unknownCommand(name: string, second?: string): UsageError {
  if (isGroup(name)) {
    const words = inGroup(name).map((each) => each.name.slice(name.length + 1));
    const wanted = second === undefined || second.startsWith("-") ? null : second;
    const close = wanted === null ? undefined : nearest(wanted, words);
    const what = wanted === null ? "needs one more word" : `has no command ${JSON.stringify(wanted)}`;
    const way = close ? `Did you mean ettin ${name} ${close}?` : `There is ettin ${name} ${words.join(", ")}.`;
    return new UsageError(`ettin ${name} ${what}. ${way}`);
  }
  const near = nearest(
    name,
    COMMANDS.map((command) => command.name),
  );
  return new UsageError(
    `there is no command ${JSON.stringify(name)}. ${near ? `Did you mean ettin ${near}?` : "See ettin --help"}`,
  );
}

function report(error: unknown, debug: boolean, options: readonly string[], terminal: Terminal): void {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  terminal.writeError(`ettin: ${inOptionWords(debug ? (stack ?? message) : message, options)}\n`);
  let cause = error instanceof Error ? error.cause : undefined;
  while (debug && cause instanceof Error) {
    terminal.writeError(`caused by: ${cause.stack ?? cause.message}\n`);
    cause = cause.cause;
  }
}
