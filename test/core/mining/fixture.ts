import { readFileSync } from "node:fs";
import { Dataset, type MineHardNegativesOptions, type MiningEncoder, type PairScorer } from "@ettin/core";

interface MinedCase {
  readonly options: Readonly<Record<string, unknown>>;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

interface Fixture {
  readonly embeddings: Readonly<Record<string, readonly number[]>>;
  readonly pairs: readonly (readonly [string, string])[];
  readonly corpus: readonly string[];
  readonly mined: readonly MinedCase[];
  readonly plain: readonly (readonly number[])[];
  readonly grouped: readonly (readonly number[])[];
  readonly queries: readonly (readonly number[])[];
  readonly search: Readonly<Record<string, readonly (readonly { corpus_id: number; score: number }[])[]>>;
  readonly paraphrases: Readonly<Record<string, readonly (readonly [number, number, number])[]>>;
  readonly communities: Readonly<Record<string, readonly (readonly number[])[]>>;
}

/** Written by scripts/reference/mining.py. */
export const fixture = JSON.parse(
  readFileSync(new URL("../../fixtures/mining.json", import.meta.url), "utf8"),
) as Fixture;

export const arrays = (rows: readonly (readonly number[])[]): Float32Array[] =>
  rows.map((row) => Float32Array.from(row));

/** Rows of anchor and positive. */
export const pairs = (): Dataset => Dataset.fromRows(fixture.pairs.map(([anchor, positive]) => ({ anchor, positive })));

export const embeddingOf = (text: string): Float32Array => Float32Array.from(fixture.embeddings[text]!);

/** The fixture's embeddings in place of a model; it counts texts. */
export class StubEncoder implements MiningEncoder {
  readonly similarityFnName: string | null;
  readonly calls: { of: string; texts: readonly string[]; options: unknown }[] = [];

  constructor(similarityFnName: string | null = null) {
    this.similarityFnName = similarityFnName;
  }

  async encodeQuery(texts: readonly string[], options?: unknown): Promise<Float32Array[]> {
    this.calls.push({ of: "query", texts, options });
    return texts.map((text) => this.encode(text));
  }

  async encodeDocument(texts: readonly string[], options?: unknown): Promise<Float32Array[]> {
    this.calls.push({ of: "document", texts, options });
    return texts.map((text) => this.encode(text));
  }

  private encode(text: string): Float32Array {
    return fixture.embeddings[text] ? embeddingOf(text) : new Float32Array(8).fill(1); // the fingerprint's probe
  }
}

/** The reference script's cross-encoder: a score from the numbers in the texts. */
export const crossEncoder: PairScorer = {
  async predict(texts) {
    return Float32Array.from(texts, ([query, document]) => {
      const [q, d] = [query, document].map((text) => Number(text.split(" ")[1])) as [number, number];
      return 1 / (1 + Math.exp(-2 * Math.sin(1 + 1.1 * q + 0.7 * d + 0.3 * q * d)));
    });
  },
};

/** The options of a case under this library's names. */
export function optionsOf(options: Readonly<Record<string, unknown>>): MineHardNegativesOptions {
  const named: Record<string, unknown> = { dataset: pairs(), model: new StubEncoder() };
  for (const [name, value] of Object.entries(options)) {
    const own = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    if (name === "corpus") named.corpus = fixture.corpus;
    else if (name === "cross_encoder") named.crossEncoder = crossEncoder;
    else if (name === "similarity") named.model = new StubEncoder(value as string);
    else named[name === "faiss_batch_size" ? "queryChunkSize" : own] = value;
  }
  return named as unknown as MineHardNegativesOptions;
}
