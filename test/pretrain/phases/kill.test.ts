import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { ROOT } from "../../support/root.ts";

const root = temporaryFolder();
const PHASES = ["pretraining", "extension", "decay"];

/** Names of the checkpoints of all phases. */
const checkpoints = (output: string): string[] =>
  PHASES.flatMap((phase) => {
    const folder = join(output, phase);
    if (!existsSync(folder)) return [];
    return readdirSync(folder).flatMap((name) => (/^checkpoint-\d+$/.test(name) ? [`${phase}/${name}`] : []));
  });

/** Runs to the end, or until `dies` says so of the checkpoints: then it is killed, a moment later. */
function attempt(output: string, dies: (found: readonly string[]) => boolean = () => false): Promise<string | null> {
  const run = ["--import", "./scripts/typescript.mjs", "scripts/killable-recipe.ts", output];
  const child = spawn(process.execPath, run, { cwd: ROOT });
  let [out, err] = ["", ""];
  child.stdout.on("data", (piece) => (out += piece));
  child.stderr.on("data", (piece) => (err += piece));
  const watch = setInterval(() => {
    if (!dies(checkpoints(output))) return;
    clearInterval(watch);
    setTimeout(() => child.kill("SIGKILL"), 10 * Math.random());
  }, 1);
  return new Promise((resolve, reject) => {
    child.on("close", (code, signal) => {
      clearInterval(watch);
      if (signal === "SIGKILL") resolve(null);
      else if (code === 0) resolve(out.trim());
      else reject(new Error(`the run ended with ${code ?? signal}:\n${err}`));
    });
  });
}

test("a recipe that is killed in two of its phases ends with the bits of one that never was", {
  timeout: 120_000,
}, async () => {
  const whole = await attempt(join(root, "whole"));
  expect(whole).toMatch(/^[0-9a-f]{64}$/);
  const output = join(root, "killed");
  expect(await attempt(output, (found) => found.length > 0)).toBeNull();
  expect(await attempt(output, (found) => found.some((name) => name.startsWith("extension/")))).toBeNull();
  expect(checkpoints(output).length).toBeGreaterThan(0);
  expect(await attempt(output)).toBe(whole);
});
