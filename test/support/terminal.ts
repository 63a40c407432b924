import { main, type Terminal } from "ettin";

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process. `seen` is shown each piece that is written, and may stop it as Ctrl-C does. */
export async function runCommand(
  args: readonly string[],
  seen: (text: string, stop: () => void) => void = () => {},
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
  };
  return { code: await main(args, terminal), stdout, stderr };
}
