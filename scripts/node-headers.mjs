// The headers that came with this Node. With them nothing native needs a download to be built.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The folder that node-gyp calls nodedir, when its headers are of this Node's very version; else null. */
export function nodeHeaders() {
  const prefix = join(dirname(process.execPath), "..");
  const versionFile = join(prefix, "include", "node", "node_version.h");
  if (!existsSync(versionFile)) return null;
  const text = readFileSync(versionFile, "utf8");
  const part = (name) => text.match(new RegExp(`#define NODE_${name}_VERSION (\\d+)`))?.[1];
  const version = ["MAJOR", "MINOR", "PATCH"].map(part).join(".");
  return version === process.versions.node ? prefix : null;
}
