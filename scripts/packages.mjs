// The packages of this workspace, for the scripts that check, pack and publish them.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every package as `{ folder, manifest }`, each after the ones it may depend on: native, core, the plugins, cli. */
export function workspacePackages(root) {
  const others = existsSync(join(root, "packages")) ? readdirSync(join(root, "packages")) : [];
  const plugins = others.filter((name) => name !== "core" && name !== "cli").sort();
  return ["native", ...["core", ...plugins, "cli"].map((name) => `packages/${name}`)]
    .filter((folder) => existsSync(join(root, folder, "package.json")))
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) }));
}
