import { textOption } from "./arguments.ts";
import { type OptionSpecs, type OptionValues, type Terminal, UsageError } from "./command.ts";

/** Options of commands that write shards with a tokenizer. */
export const PREPARE_OPTIONS: OptionSpecs = {
  tokenizer: { type: "string", value: "folder", help: "the tokenizer, or a model that was saved with it (needed)" },
  out: { type: "string", value: "folder", help: "where the shards go (needed)" },
  compression: { type: "string", value: "name", help: "gz, br or zstd (Node 22.15 on); training reads open shards" },
  workers: { type: "string", value: "n", help: "threads beside this one (default: as many as cores)" },
};

/** An option that must be there. */
export function neededOption(command: string, options: OptionValues, name: string): string {
  const value = textOption(options, name);
  if (value !== undefined) return value;
  throw new UsageError(`ettin ${command} needs --${name}`);
}

/** A line of the error output that counts work, a few times a second. */
export function counter(
  terminal: Terminal,
  text: (amount: number, seconds: number) => string,
): (amount: number) => void {
  const start = performance.now();
  let [total, shown] = [0, 0];
  return (amount) => {
    total += amount;
    const now = performance.now();
    if (!terminal.interactive || now - shown < 200) return;
    shown = now;
    terminal.writeError(`\r\u001b[K${text(total, (now - start) / 1000)}`);
  };
}

/** Clears the counter's line. */
export const endCounter = (terminal: Terminal): void => {
  if (terminal.interactive) terminal.writeError("\r\u001b[K");
};
