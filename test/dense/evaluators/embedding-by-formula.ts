/** The model of scripts/reference/dense_evaluators.py: texts to vectors by a formula. */
import type { SimilarityFunctionName } from "@ettin/core";
import type { CardFacts, EmbeddingModel, EvaluatorEncodeOptions } from "@ettin/dense";

const DIM = 16;

function embedding(text: string, kind: number): number[] {
  const name = text.slice(text.lastIndexOf(" ") + 1);
  const shift = text.includes(": ") ? 0.25 : 0;
  const tied = name.startsWith("t");
  const i = tied ? Number(name.slice(1)) % 23 : Number(name.slice(1));
  return Array.from({ length: DIM }, (_, j) => {
    const value = Math.sin(1 + 0.4 * kind + shift + 1.7 * i + 0.6 * j + 0.1 * i * j);
    return tied ? Math.floor(8 * value + 0.5) / 8 : value;
  });
}

/** As the reference quantizes: ranges of the call's own rows. */
function quantized(rows: Float32Array[], precision: string): (Float32Array | Int8Array | Uint8Array)[] {
  if (precision.endsWith("binary")) {
    return rows.map((row) => {
      const bytes = Array.from({ length: row.length / 8 }, (_, b) =>
        row.subarray(8 * b, 8 * b + 8).reduce((byte, value) => 2 * byte + (value > 0 ? 1 : 0), 0),
      );
      return precision === "binary" ? Int8Array.from(bytes, (byte) => byte - 128) : Uint8Array.from(bytes);
    });
  }
  const columns = Array.from(rows[0]!, (_, j) => rows.map((row) => row[j]!));
  const low = columns.map((column) => Math.min(...column));
  const step = columns.map((column, j) => Math.fround(Math.fround(Math.max(...column) - low[j]!) / 255));
  return rows.map((row) => {
    const bytes = Array.from(row, (value, j) =>
      Math.min(255, Math.max(0, Math.floor(Math.fround(Math.fround(value - low[j]!) / step[j]!)))),
    );
    return precision === "int8" ? Int8Array.from(bytes, (byte) => byte - 128) : Uint8Array.from(bytes);
  });
}

/** Notes what it was asked to encode. */
export class FormulaModel implements EmbeddingModel {
  readonly similarityFnName: SimilarityFunctionName;
  readonly cardFacts: CardFacts = { training: null, evaluations: [] };
  readonly calls: { texts: number; options: EvaluatorEncodeOptions }[] = [];

  constructor(similarityFnName: SimilarityFunctionName = "cosine") {
    this.similarityFnName = similarityFnName;
  }

  readonly encode: EmbeddingModel["encode"] = (texts, options) => this.rows(texts, 0, options);
  readonly encodeQuery: EmbeddingModel["encodeQuery"] = (texts, options) => this.rows(texts, 1, options);
  readonly encodeDocument: EmbeddingModel["encodeDocument"] = (texts, options) => this.rows(texts, 2, options);

  private async rows(texts: readonly string[], kind: number, options: EvaluatorEncodeOptions = {}) {
    options.signal?.throwIfAborted();
    this.calls.push({ texts: texts.length, options });
    const { prompt = "", truncateDim = DIM, normalizeEmbeddings, precision = "float32" } = options;
    const rows = texts.map((text) => {
      const row = Float32Array.from(embedding(prompt + text, kind).slice(0, truncateDim));
      const length = Math.hypot(...row);
      return normalizeEmbeddings ? row.map((value) => value / length) : row;
    });
    return precision === "float32" ? rows : quantized(rows, precision);
  }
}
