// node scripts/build-native.mjs [--folder copy-of-native] [-- node-gyp's own options]: builds native/ with node-gyp.
// `npm run build` runs it through turbo.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { nodeHeaders } from "./node-headers.mjs";
import { checkTools } from "./tools.mjs";

const NATIVE_MANIFEST = fileURLToPath(new URL("../native/package.json", import.meta.url));
const { values, positionals } = parseArgs({
  options: { folder: { type: "string", default: dirname(NATIVE_MANIFEST) } },
  allowPositionals: true,
});

/** Without them node-gyp downloads the headers once. */
function headersBesideNode() {
  const prefix = nodeHeaders();
  return prefix === null ? [] : [`--nodedir=${prefix}`];
}

try {
  checkTools();
  // A running process may have the old file mapped: replace it, never write into it.
  rmSync(join(values.folder, "build/Release/ettin.node"), { force: true });
  // Make does not see that a source file is gone: its object would stay in the archive.
  const archives = join(values.folder, "build/Release/obj.target");
  for (const file of existsSync(archives) ? readdirSync(archives) : []) {
    if (file.endsWith(".a")) rmSync(join(archives, file));
  }

  const nodeGyp = join(dirname(createRequire(NATIVE_MANIFEST).resolve("node-gyp/package.json")), "bin", "node-gyp.js");
  const step = (...args) =>
    spawnSync(process.execPath, [nodeGyp, ...args, ...headersBesideNode(), ...positionals], {
      cwd: values.folder,
      stdio: "inherit",
    }).status ?? 1;
  // When the compiler fails its own message is enough; node-gyp would add a dozen lines about itself.
  process.exitCode =
    step("configure", "--release", "--loglevel=error") ||
    step("build", "--release", `--jobs=${availableParallelism()}`, "--loglevel=silent");
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
