// npm run kill-test [-- kills]: a run that is killed (SIGKILL) at random moments, every other time inside a checkpoint's
// write, and resumed each time, ends with the bits of the run that was never killed.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { main, ROOT } from "./prepare.mjs";

const RUN = ["--import", "./scripts/typescript.mjs", "scripts/killable-run.ts"];

/**
 * @param {{ kills: number, steps: number, onKill?: (text: string) => void }} options
 * @returns the digests of both runs, and how many kills fell inside a write
 */
export async function killTest({ kills, steps, onKill = () => {} }) {
  const folder = mkdtempSync(join(tmpdir(), "ettin-kill-"));
  let inside = 0;
  try {
    const whole = await attempt(join(folder, "whole"), steps);
    const outputDir = join(folder, "killed");
    let done = 0;
    for (let kill = 0; kill < kills; kill++) {
      // Each time the run may come a little further, so that it is never done before the last kill.
      const goal = done + Math.max(1, Math.floor(((steps - done) * (0.3 + 0.7 * Math.random())) / (kills - kill)));
      const wanted = kill % 2 === 0;
      const result = await attempt(outputDir, steps, { goal: Math.min(goal, steps - 1), wanted });
      if (result.digest) throw new Error(`the run was done before kill ${kill + 1} of ${kills}: give it more steps`);
      if (result.inside) inside++;
      done = highest(outputDir);
      onKill(`kill ${kill + 1} of ${kills}${result.inside ? ", inside a write" : ""}: checkpoint-${done} is complete`);
    }
    const killed = await attempt(outputDir, steps);
    return { whole: whole.digest, killed: killed.digest, inside, resumedFrom: done };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs to the end, or until it is killed after checkpoint `goal`: inside the next write where that is wanted. */
function attempt(outputDir, steps, kill = null) {
  const child = spawn(process.execPath, [...RUN, outputDir, String(steps)], { cwd: ROOT });
  let [out, err, inside, timer] = ["", "", false, null];
  child.stdout.on("data", (piece) => (out += piece));
  child.stderr.on("data", (piece) => (err += piece));
  if (kill) {
    const look = () => {
      if (highest(outputDir) >= kill.goal) {
        if (!kill.wanted) {
          timer = setTimeout(() => child.kill("SIGKILL"), 30 * Math.random());
          return;
        }
        if (writing(outputDir)) {
          inside = true;
          child.kill("SIGKILL");
          return;
        }
      }
      timer = setTimeout(look, 0);
    };
    look();
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (signal === "SIGKILL") resolve({ digest: null, inside: inside && writing(outputDir) });
      else if (code === 0) resolve({ digest: out.trim(), inside: false });
      else reject(new Error(`the run ended with ${code ?? signal}:\n${err}`));
    });
  });
}

const entries = (folder) => (existsSync(folder) ? readdirSync(folder) : []);
const writing = (folder) => entries(folder).some((name) => /^\.checkpoint-\d+\.partial$/.test(name));
const highest = (folder) =>
  Math.max(0, ...entries(folder).map((name) => Number(/^checkpoint-(\d+)$/.exec(name)?.[1] ?? 0)));

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(async () => {
    const kills = Number(process.argv[2] ?? 20);
    const started = Date.now();
    const { whole, killed, inside } = await killTest({ kills, steps: 4 * kills, onKill: console.log });
    const seconds = ((Date.now() - started) / 1000).toFixed(0);
    console.log(`${kills} kills, ${inside} of them inside a write, ${seconds} s`);
    console.log(`never killed ${whole}\nkilled       ${killed}`);
    if (whole !== killed) throw new Error("the bits differ");
  });
}
