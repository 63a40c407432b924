import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import typescript from "typescript";

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/**
 * Runs a script of this folder in a process of its own and returns its last line, parsed. The script's types are erased
 * here: what would erase them there would count as its memory.
 */
export function inChild<T>(script: string, argument: unknown, env: NodeJS.ProcessEnv = {}): T {
  const { outputText } = typescript.transpileModule(readFileSync(file(`./${script}`), "utf8"), {
    compilerOptions: {
      target: typescript.ScriptTarget.ES2022,
      module: typescript.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
  });
  const args = ["--input-type=module", "--eval", outputText, "--", script, JSON.stringify(argument)];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: file("."), // imports are relative to it
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  if (status !== 0) throw new Error(`[bench] ${script} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as T;
}
