/** Small files of texts, and the tokenizer of the examples. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { ROOT } from "../../support/root.ts";

export { BPE as TOKENIZER } from "../../support/tokenizers.ts";

export const TALES: readonly string[] = readFileSync(join(ROOT, "examples/tales.txt"), "utf8")
  .split("\n")
  .filter((line) => line.trim() !== "");

/** Writes rows as JSON lines, packed where the name says so. */
export function writeRows(folder: string, name: string, rows: readonly unknown[]): string {
  const path = join(folder, name);
  const text = rows.map((row) => `${typeof row === "string" ? row : JSON.stringify(row)}\n`).join("");
  writeFileSync(path, name.endsWith(".gz") ? gzipSync(text) : text);
  return path;
}
