import { spawn } from "node:child_process";
import { ROOT } from "./root.ts";

export interface ChildResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a module's text in a Node process of its own, from the repository's folder, where it can import "@ettin/core"'s
 * source as `core` without saying so.
 */
export function runChild(
  text: string,
  options: { env?: NodeJS.ProcessEnv; flags?: readonly string[] } = {},
): Promise<ChildResult> {
  const code = `const core = await import("./packages/core/src/index.ts");\n${text}`;
  const args = [
    ...(options.flags ?? []),
    "--import",
    "./scripts/typescript.mjs",
    "--input-type=module",
    "--eval",
    code,
  ];
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...options.env } });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (piece) => {
    stdout += piece;
  });
  child.stderr.setEncoding("utf8").on("data", (piece) => {
    stderr += piece;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ code: exitCode, stdout, stderr }));
  });
}
