import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "../support/root.ts";

// The linker keeps one copy of a symbol that several objects define weakly: if that were an inline function outside its
// level's namespace, the AVX-512 copy could be the one that every machine runs.

const objects = join(ROOT, "native/build/Release/obj.target");
const levels = existsSync(objects)
  ? readdirSync(objects).flatMap((entry) => /^kernels_(\w+)$/.exec(entry)?.[1] ?? [])
  : [];

interface NamedSymbol {
  readonly file: string;
  /** As nm writes it: T defined, W or V weak, U needed. */
  readonly kind: string;
  readonly name: string;
}

function symbolsOf(level: string): NamedSymbol[] {
  const folder = join(objects, `kernels_${level}/units`);
  const files = readdirSync(folder).filter((file) => file.endsWith(".o"));
  const text = execFileSync("nm", ["--print-file-name", "--no-demangle", ...files], { cwd: folder, encoding: "utf8" });
  return text.split("\n").flatMap((line) => {
    const found = /^(.*?):[0-9a-f ]* (\w) (\S+)$/.exec(line);
    return found ? { file: found[1]!, kind: found[2]!, name: found[3]! } : [];
  });
}

const available = process.platform === "linux" && levels.length > 0;
if (!available)
  console.warn("native/symbols: skipped, because the kernels' object files are not here (npm run build, on Linux)");

describe.runIf(available).each(levels)("the objects of level %s", (level) => {
  const symbols = symbolsOf(level);
  const namespace = `5ettin${level.length}${level}`;

  test("define no weak symbol outside their namespace", () => {
    const inside = new RegExp(`^_Z(?:GV|T[ISTV])?Z*N[KVRO]*${namespace}`);
    const weak = symbols.filter(({ kind }) => "WVuvw".includes(kind));
    expect(weak.length).toBeGreaterThan(0); // the pattern would find one
    expect(weak.filter(({ name }) => !inside.test(name))).toEqual([]);
  });

  test("define every kernel, and none of them weakly", () => {
    const text = readFileSync(join(ROOT, "native/kernels.h"), "utf8");
    const kernels = [...text.matchAll(/K\((\w+),\s*\(/g)].map(([, name]) => name!);
    expect(kernels.length).toBeGreaterThan(80);
    const defined = new Set(symbols.filter(({ kind }) => kind === "T").map(({ name }) => name));
    const missing = kernels.filter((kernel) => {
      const start = `_ZN${namespace}${kernel.length}${kernel}E`;
      return ![...defined].some((name) => name.startsWith(start));
    });
    expect(missing).toEqual([]);
  });

  test("need nothing of the C++ standard library", () => {
    const needed = symbols.filter(
      ({ kind, name }) => kind === "U" && /^_Z(?:N?K?St|NS[abiod]|S[abiod]|d[al]|n[aw])/.test(name),
    );
    expect(needed).toEqual([]);
  });
});
