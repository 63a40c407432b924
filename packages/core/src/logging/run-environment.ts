import { arch, availableParallelism, cpus, platform, release, totalmem } from "node:os";
import { defaultDevice } from "../device.ts";
import { shortBytes } from "./short-number.ts";

const SECRET = /(token|password|secret|apikey|api_key)$/i;

/** Arguments without what nobody should read in a report. */
export function safeArguments(args: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => [name, typeof value === "string" && SECRET.test(name) ? "…" : value]),
  );
}

/** The machine and the versions that a run has. */
export function runEnvironment(): Record<string, string> {
  return {
    device: defaultDevice().name,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: String(availableParallelism()),
    memory: shortBytes(totalmem()),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    program: programText(process.argv.slice(1)),
  };
}

/** The command line without secrets. */
export function programText(words: readonly string[]): string {
  return words
    .map((word, i) => {
      if (/^--[\w-]*(token|password|secret)=/i.test(word)) return `${word.slice(0, word.indexOf("=") + 1)}…`;
      if (/^--[\w-]*(token|password|secret)$/i.test(words[i - 1] ?? "")) return "…";
      return word.replace(/\bhf_\w+/g, "hf_…");
    })
    .join(" ");
}
