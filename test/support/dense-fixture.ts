/** The small models of scripts/reference/dense_models.py, and what Sentence Transformers makes of texts with them. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type FromPretrainedOptions, SentenceTransformer } from "@ettin/dense";
import { afterEach, expect } from "vitest";
import { temporaryFolder } from "./folder.ts";
import { ROOT } from "./root.ts";

export const DENSE: string = join(ROOT, "test/fixtures/dense");

type Rows = readonly (readonly number[])[];

interface Facts {
  readonly texts: readonly string[];
  readonly ids: Rows;
  readonly embeddings: Rows;
  readonly queries: Rows;
  readonly documents: Rows;
  readonly passages: Rows;
  readonly tokens: readonly Rows[];
  readonly cut: Rows;
  readonly int8: Rows;
  readonly ubinary: Rows;
  readonly similarity: Rows;
  readonly similarityPairwise: readonly number[];
  readonly stateDict: readonly string[];
  readonly residual: Rows;
  readonly static: Rows;
  readonly poolings: readonly {
    readonly modes: string | readonly string[];
    readonly includePrompt: boolean;
    readonly prompt: string;
    readonly embeddings: Rows;
  }[];
  readonly quantized: {
    readonly values: Rows;
    readonly ranges: Rows;
    readonly calibration: Rows;
    readonly kinds: Readonly<Record<string, Readonly<Record<string, Rows>>>>;
  };
  readonly lowerCase: { readonly texts: readonly string[]; readonly ids: Rows };
}

export const facts: Facts = JSON.parse(readFileSync(join(DENSE, "embeddings.json"), "utf8"));

const opened: { dispose(): void }[] = [];
afterEach(() => {
  for (const each of opened.splice(0)) each.dispose();
});

/** Disposes something after the test, before its leaks are counted. */
export function disposed<D extends { dispose(): void }>(each: D): D {
  opened.push(each);
  return each;
}

/** A model that is disposed after the test. */
export const openModel = async (folder: string, options?: FromPretrainedOptions): Promise<SentenceTransformer> =>
  disposed(await SentenceTransformer.fromPretrained(folder, options));

/** A copy of the model as versions up to 5.3 wrote it; `transformer`: other settings of its first module. */
export function legacyFolder(transformer?: object): string {
  const folder = temporaryFolder();
  for (const name of ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]) {
    cpSync(join(DENSE, "model", name), join(folder, name));
  }
  cpSync(join(DENSE, "legacy"), folder, { recursive: true });
  cpSync(join(DENSE, "model/2_Dense/model.safetensors"), join(folder, "2_Dense/model.safetensors"));
  if (transformer) writeFileSync(join(folder, "sentence_bert_config.json"), JSON.stringify(transformer));
  return folder;
}

/** That rows of embeddings agree with the reference's, to so much. */
export function expectRows(found: readonly ArrayLike<number>[], expected: Rows, within = 1e-5): void {
  expect(found.length).toBe(expected.length);
  expected.forEach((row, i) => {
    expect(found[i]!.length, `width of row ${i}`).toBe(row.length);
    const apart = Math.max(...row.map((value, c) => Math.abs(value - found[i]![c]!)));
    expect(apart, `row ${i}`).toBeLessThan(within);
  });
}
