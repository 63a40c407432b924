// node scripts/build-native.mjs [--folder copy-of-native] [-- node-gyp's own options]: builds native/ with node-gyp.
// `npm run build` runs it through turbo.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { checkTools } from "./tools.mjs";

const { values, positionals } = parseArgs({
  options: { folder: { type: "string", default: fileURLToPath(new URL("../native", import.meta.url)) } },
  allowPositionals: true,
});

/**
 * The headers that came with this Node, when they are of its very version. With them the build needs no network;
 * without them node-gyp downloads them once.
 */
function headersBesideNode() {
  const prefix = join(dirname(process.execPath), "..");
  const versionFile = join(prefix, "include", "node", "node_version.h");
  if (!existsSync(versionFile)) return [];
  const text = readFileSync(versionFile, "utf8");
  const part = (name) => text.match(new RegExp(`#define NODE_${name}_VERSION (\\d+)`))?.[1];
  const version = ["MAJOR", "MINOR", "PATCH"].map(part).join(".");
  return version === process.versions.node ? [`--nodedir=${prefix}`] : [];
}

try {
  checkTools();
  // A running process may have the old file mapped: replace it, never write into it.
  rmSync(join(values.folder, "build/Release/ettin.node"), { force: true });

  const nodeGyp = join(dirname(createRequire(import.meta.url).resolve("node-gyp/package.json")), "bin", "node-gyp.js");
  const args = ["configure", "build", "--release", `--jobs=${availableParallelism()}`, "--loglevel=error"];
  const { status } = spawnSync(process.execPath, [nodeGyp, ...args, ...headersBesideNode(), ...positionals], {
    cwd: values.folder,
    stdio: "inherit",
  });
  process.exitCode = status ?? 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
