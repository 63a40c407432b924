// Brings a checkout to the point where its code runs: installs what the lock file names, builds what changed.
// Shared by every command that runs something, so that each of them works on a fresh clone.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { checkTools, toolchain } from "./tools.mjs";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

const LOCK = `${ROOT}package-lock.json`;
const STAMP = `${ROOT}node_modules/.installed`;

export async function prepare() {
  checkTools();
  await install();
  await build();
}

/** Runs a script's body; an error is its message alone, because a stack says nothing about a missing tool. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    console.error(process.env.DEBUG ? error : error.message);
    process.exitCode = 1;
  }
}

/** Runs a command with this terminal and resolves with its exit code. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: "inherit", ...options });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 1)));
  });
}

/** Runs a command, keeps its output, and throws it if the command fails. */
async function runQuietly(what, command, args, env = {}) {
  const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (text) => {
    output += text;
  });
  child.stderr.on("data", (text) => {
    output += text;
  });
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  if (code !== 0)
    throw new Error(`${output.trimEnd()}\n\n[${what}] ended with code ${code}. The output above says why.`);
}

async function install() {
  // The platform is in the stamp because optional dependencies differ: a folder shared with a container is not enough.
  const stamp = createHash("sha256")
    .update(readFileSync(LOCK))
    .update(`${process.platform} ${process.arch}`)
    .digest("hex");
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === stamp) return;

  await timed("installing packages", () =>
    runQuietly("npm ci", ...npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")),
  );
  writeFileSync(STAMP, stamp);
}

async function build() {
  const first = !existsSync(`${ROOT}native/build/Release/ettin.node`);
  await timed(first ? "building (the first time takes a minute or two)" : "building", () =>
    runQuietly(
      "build",
      process.execPath,
      [`${ROOT}node_modules/turbo/bin/turbo`, "run", "build", "--output-logs=errors-only"],
      {
        ETTIN_TOOLCHAIN: toolchain(),
        TURBO_TELEMETRY_DISABLED: "1",
        TURBO_NO_UPDATE_NOTIFIER: "1",
      },
    ),
  );
}

/** The npm that runs this script, or the one on the path; on Windows that one is a batch file, which spawn cannot start. */
function npm(...args) {
  const running = process.env.npm_execpath;
  if (running?.endsWith(".js")) return [process.execPath, [running, ...args]];
  return process.platform === "win32" ? ["cmd.exe", ["/c", "npm", ...args]] : ["npm", args];
}

async function timed(what, work) {
  const start = performance.now();
  process.stdout.write(`${what} … `);
  try {
    await work();
    console.log(`${((performance.now() - start) / 1000).toFixed(1)} s`);
  } catch (error) {
    console.log("failed\n");
    throw error;
  }
}
