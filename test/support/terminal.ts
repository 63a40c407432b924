import { main, type Terminal } from "ettin";

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An input that has some lines. */
export const typing = (lines: readonly string[], typed = true): NonNullable<Terminal["input"]> => ({
  typed,
  async *lines() {
    yield* lines;
  },
});

/** Runs a command line in this process. `seen` is shown each piece that is written, and may stop it as Ctrl-C does. */
export async function runCommand(
  args: readonly string[],
  seen: (text: string, stop: () => void) => void = () => {},
  input?: Terminal["input"],
): Promise<CommandResult> {
  let [stdout, stderr] = ["", ""];
  const stop = new AbortController();
  const terminal: Terminal = {
    write(text) {
      stdout += text;
      seen(text, () => stop.abort());
    },
    writeError(text) {
      stderr += text;
    },
    interactive: false,
    signal: stop.signal,
    ...(input && { input }),
  };
  return { code: await main(args, terminal), stdout, stderr };
}
