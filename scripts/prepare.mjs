// Brings a checkout to the point where its code runs: installs what the lock file names, builds what changed.
// Shared by every command that runs something, so that each of them works on a fresh clone.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeHeaders } from "./node-headers.mjs";
import { checkTools, toolchain } from "./tools.mjs";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

const LOCK = join(ROOT, "package-lock.json");
const STAMP = join(ROOT, "node_modules/.installed");

export async function prepare() {
  checkTools();
  await install();
  await buildHnswlib();
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

/** Runs a command on this terminal and resolves with its exit code. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: "inherit", ...options });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 1)));
  });
}

/** Runs a command and resolves with its output, which becomes the error if the command fails. */
export async function runQuietly(what, command, args, options = {}) {
  const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"], ...options });
  const output = { stdout: "", all: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output.stdout += text;
    output.all += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    output.all += text;
  });
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  if (code !== 0) throw new Error(`${output.all.trimEnd()}\n\n[${what}] ended with code ${code}; its output is above.`);
  return output.stdout;
}

/**
 * The command and arguments that run npm: the one that runs this script, or the one on the path. On Windows that one is
 * a batch file, which spawn cannot start.
 * @param {...string} args
 * @returns {[string, string[]]}
 */
export function npm(...args) {
  const running = process.env.npm_execpath;
  if (running?.endsWith(".js")) return [process.execPath, [running, ...args]];
  return process.platform === "win32" ? ["cmd.exe", ["/c", "npm", ...args]] : ["npm", args];
}

/** Installs what the lock file names, if it is not what is installed. */
export async function install() {
  // Optional dependencies differ by platform, so a folder shared with a container is installed again there.
  const platform = `${process.platform} ${process.arch}`;
  const stamp = createHash("sha256").update(readFileSync(LOCK)).update(platform).digest("hex");
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === stamp) return;

  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  await timed("installing packages", () => runQuietly("npm ci", ...npm(...args)));
  writeFileSync(STAMP, stamp);
}

/**
 * Packages are installed without their scripts, so hnswlib-node comes without its binary: this builds it, as
 * users do with the command of its error. Only HNSW needs it, so that a failure is a line and not the end.
 */
export async function buildHnswlib() {
  const folder = join(ROOT, "node_modules/hnswlib-node");
  if (!existsSync(folder) || existsSync(join(folder, "build/Release/addon.node"))) return;
  const headers = nodeHeaders();
  const env = { ...process.env, ...(headers === null ? {} : { npm_config_nodedir: headers }) };
  try {
    await timed("building hnswlib-node", () => runQuietly("npm rebuild", ...npm("rebuild", "hnswlib-node"), { env }));
  } catch (error) {
    console.log(`${error.message}\n\nWithout it the index of kind "hnsw" and its tests fail; all else works.\n`);
  }
}

async function build() {
  const first = !existsSync(join(ROOT, "native/build/Release/ettin.node"));
  const turbo = join(ROOT, "node_modules/turbo/bin/turbo");
  const env = {
    ...process.env,
    ETTIN_TOOLCHAIN: toolchain(),
    npm_config_loglevel: "silent", // a failed build says enough by itself
    TURBO_TELEMETRY_DISABLED: "1",
    TURBO_NO_UPDATE_NOTIFIER: "1",
  };
  await timed(first ? "building (the first time takes a minute or two)" : "building", () =>
    runQuietly("build", process.execPath, [turbo, "run", "build", "--output-logs=errors-only", "--log-prefix=none"], {
      env,
    }),
  );
}

/** Says what is being done, does it, and says how long it took. */
export async function timed(what, work) {
  const start = performance.now();
  process.stdout.write(`${what} … `);
  try {
    const result = await work();
    console.log(`${((performance.now() - start) / 1000).toFixed(1)} s`);
    return result;
  } catch (error) {
    console.log("failed\n");
    throw error;
  }
}
