/** The small tokenizers of scripts/reference/tokenizer.py, and what Python's libraries make of texts with them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Tokenizer, type Truncation } from "@ettin/core";
import { onTestFinished } from "vitest";
import { ROOT } from "./root.ts";

export const BPE: string = join(ROOT, "examples/tokenizer");
export const WORD_PIECE: string = join(ROOT, "test/fixtures/tokenizer/wordpiece");
export const UNIGRAM: string = join(ROOT, "test/fixtures/tokenizer/unigram");

interface Cases {
  readonly cases: readonly { readonly text: string; readonly ids: number[]; readonly decoded: string }[];
  readonly pairs: readonly {
    readonly text: string;
    readonly pair: string;
    readonly ids: number[];
    readonly types: number[];
  }[];
}

export type JsonPatch = Readonly<Record<string, unknown>>;

interface Fixture {
  readonly variants: Readonly<Record<string, Cases & { readonly patch: JsonPatch }>>;
  readonly wordpiece: Cases;
  readonly unigram: Cases;
  readonly truncations: readonly {
    readonly text: string;
    readonly pair: string | null;
    readonly truncation: Exclude<Truncation, false>;
    readonly maxLength: number;
    readonly ids: number[] | null;
  }[];
  readonly streams: readonly { readonly text: string; readonly ids: number[]; readonly pieces: string[] }[];
}

export const fixture: Fixture = JSON.parse(readFileSync(join(ROOT, "test/fixtures/tokenizer/cases.json"), "utf8"));

/** Writes files to a folder that is gone after the test. */
export function folderWith(files: Readonly<Record<string, string | object>>): string {
  const folder = mkdtempSync(join(tmpdir(), "ettin-tokenizer-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  return folder;
}

export const readJson = (path: string): JsonPatch => JSON.parse(readFileSync(path, "utf8"));

/** The byte-level tokenizer.json with some fields replaced; those of the model one by one. */
export function patchedJson(patch: JsonPatch): JsonPatch {
  const json = readJson(join(BPE, "tokenizer.json"));
  return { ...json, ...patch, model: { ...(json.model as object), ...(patch.model as object | undefined) } };
}

/** A tokenizer that is disposed after the test. */
export async function open(folder: string): Promise<Tokenizer> {
  const tokenizer = await Tokenizer.fromFolder(folder);
  onTestFinished(() => tokenizer.dispose());
  return tokenizer;
}

/** The byte-level tokenizer with some fields replaced. */
export const openPatched = (patch: JsonPatch): Promise<Tokenizer> =>
  open(folderWith({ "tokenizer.json": patchedJson(patch) }));
