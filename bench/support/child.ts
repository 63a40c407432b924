import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Runs a script of this folder in a process of its own and returns its last line, parsed. */
export function inChild<T>(script: string, argument: unknown, env: NodeJS.ProcessEnv = {}): T {
  const hook = script.endsWith(".ts") ? ["--import", file("../../scripts/typescript.mjs")] : [];
  const args = [...hook, file(`./${script}`), JSON.stringify(argument)];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  if (status !== 0) throw new Error(`[bench] ${script} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as T;
}
