import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where hnswlib's headers are: HNSWLIB_INCLUDE, Debian's libhnswlib-dev, or those that hnswlib-node ships. */
export function hnswlibHeaders(): { folder: string; from: string } {
  const own = process.env.HNSWLIB_INCLUDE;
  if (own) return { folder: own, from: own };
  if (existsSync("/usr/include/hnswlib/hnswlib.h")) return { folder: "/usr/include", from: "libhnswlib-dev" };
  const shipped = fileURLToPath(new URL("../../node_modules/hnswlib-node/src", import.meta.url));
  return { folder: shipped, from: "hnswlib-node's sources" };
}

/** Compiles a program of bench/peers; null, after saying why, where it does not compile. */
export function compiledPeer(source: string, folder: string, flags: readonly string[]): string | null {
  const path = fileURLToPath(new URL(`../peers/${source}`, import.meta.url));
  const program = join(folder, source.replace(/\.cpp$/, flags.join("").replace(/[^\w]/g, "")));
  const { status, stderr } = spawnSync(process.env.CXX ?? "g++", [...flags, path, "-o", program], { encoding: "utf8" });
  if (status === 0) return program;
  console.log(`  ${source}: skipped, it does not compile: ${stderr?.trim().split("\n")[0]}`);
  return null;
}

/** Runs it and returns its JSON line. */
export function runPeer<T>(program: string, args: readonly string[]): T {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`[bench] ${program} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as T;
}
