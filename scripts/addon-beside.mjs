// Builds the addon another way beside the ordinary build, in native/build-<name>, for a test that loads it by
// ETTIN_ADDON.
import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT, runQuietly } from "./prepare.mjs";

export const NATIVE = join(ROOT, "native");

/**
 * node-gyp builds where its binding.gyp lies, so the sources go to the folder; unchanged ones keep their time.
 *
 * @param {string} what the command that wants it, for errors
 * @param {string} name
 * @param {NodeJS.ProcessEnv} variables that binding.gyp reads
 * @returns the addon's path
 */
export async function buildAddonBeside(what, name, variables) {
  const folder = join(NATIVE, `build-${name}`);
  for (const entry of readdirSync(NATIVE)) {
    if (entry.startsWith("build") || entry === "node_modules") continue;
    rmSync(join(folder, entry), { recursive: true, force: true }); // a file that is gone must not be built
    cpSync(join(NATIVE, entry), join(folder, entry), { recursive: true, preserveTimestamps: true });
  }
  const script = join(ROOT, "scripts/build-native.mjs");
  await runQuietly(what, process.execPath, [script, "--folder", folder], { env: { ...process.env, ...variables } });
  return join(folder, "build/Release/ettin.node");
}
