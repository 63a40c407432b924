import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Corpus, type CorpusType, exactSearch, Tensor } from "@ettin/core";
import { afterAll, describe, expect, test } from "vitest";
import { type Array64, normal } from "../../support/array64.ts";
import { expectClose } from "../../support/check-op.ts";
import { cpuOnly, device, levels } from "../../support/devices.ts";

const folder = mkdtempSync(join(tmpdir(), "exact-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Small whole numbers: every type stores them exactly, every score is exact, and ties are many. */
const whole = (shape: readonly number[], seed: number): Array64 => {
  const x = normal(shape, seed, 3);
  return { shape, data: x.data.map((value) => Math.round(value)) };
};

function stored(x: Array64, type: CorpusType): Float32Array | Uint16Array | Int8Array | Uint8Array {
  const values = Float32Array.from(x.data);
  if (type === "float32") return values;
  if (type === "bfloat16") return Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16);
  if (type === "int8") return Int8Array.from(values);
  const bits = new Uint8Array(values.length / 8);
  values.forEach((value, i) => {
    if (value > 0) bits[i >> 3]! |= 128 >> (i & 7);
  });
  return bits;
}

function reference(queries: Array64, corpus: Array64, type: CorpusType, k: number) {
  const [dim, rows] = [queries.shape[1]!, corpus.shape[0]!];
  const places = Array.from({ length: queries.shape[0]! }, (_, q) => {
    const all = Array.from({ length: rows }, (_, row) => {
      let score = 0;
      for (let d = 0; d < dim; d++) {
        const [a, b] = [queries.data[q * dim + d]!, corpus.data[row * dim + d]!];
        score += type === "bits" ? -Number(a > 0 !== b > 0) : a * b;
      }
      return { score, row };
    });
    all.sort((a, b) => b.score - a.score || a.row - b.row);
    return Array.from({ length: k }, (_, j) => all[j] ?? { score: -Infinity, row: -1 });
  }).flat();
  return { scores: places.map(({ score }) => score + 0), rows: places.map(({ row }) => row) };
}

describe.each(levels)("exactSearch on %s", (level) => {
  const on = device(level);
  const tensor = (x: Array64, where = on) => Tensor.from(Float32Array.from(x.data), { shape: x.shape, device: where });

  async function found(queries: Tensor, corpus: Corpus, k: number) {
    const { scores, rows } = exactSearch(queries, corpus, k);
    const [a, b] = await Promise.all([scores.data(), rows.data()]);
    return { scores: [...a].map((score) => score + 0), rows: [...b] };
  }

  const types: CorpusType[] = ["float32", "bfloat16", "int8", "bits"];
  test.each(types)("finds the best rows of %s vectors, the lower row first among equals", async (type) => {
    for (const [queries, rows, dim, k] of [
      [1, 1, 8, 1],
      [3, 33, 40, 5],
      [4, 65, 32, 65],
      [5, 31, 8, 40],
      [9, 40, 256, 7], // bits are read 16 bytes at a time
      [2, 2100, 24, 10],
      [2, 20_000, 8, 100], // several blocks of candidates
      [1, 20_000, 8, 5000], // more than a block keeps
      [2, 0, 16, 3],
    ] as const) {
      const [q, c] = [whole([queries, dim], 1), whole([rows, dim], 2)];
      const corpus = Corpus.from(stored(c, type), { dim, device: on });
      expect(await found(tensor(q), corpus, k)).toEqual(reference(q, c, type, k));
      corpus.dispose();
    }
  });

  test("finds the same for one query and for many, with 1, 2 and 3 threads", async () => {
    const onGpu = !cpuOnly.includes(level);
    const [q, c] = [normal([300, 20], 3), normal([onGpu ? 500 : 3000, 20], 4)];
    const all = await Promise.all(
      (onGpu ? [1, 1] : [1, 2, 3]).map((threads) => {
        const where = device(level, threads);
        const corpus = Corpus.from(stored(c, "float32"), { dim: 20, device: where });
        return found(tensor(q, where), corpus, 7);
      }),
    );
    for (const other of all) expect(other).toEqual(all[0]);
    const last = { shape: [1, 20], data: q.data.slice(299 * 20) };
    const alone = await found(tensor(last), Corpus.from(stored(c, "float32"), { dim: 20, device: on }), 7);
    expect(alone.rows).toEqual(all[0]!.rows.slice(299 * 7));
    const among = all[0]!.scores.slice(299 * 7);
    if (!onGpu) expect(alone.scores).toEqual(among);
    else expectClose(alone.scores, among, 1e-6, "scores"); // a GPU's library of products chooses by their shape
  });

  test("a score that is NaN is never returned", async () => {
    const corpus = Corpus.from(Float32Array.of(1, Number.NaN, 3), { dim: 1, device: on });
    const result = await found(Tensor.from([[1]], { device: on }), corpus, 3);
    expect(result).toEqual({ scores: [3, 1, -Infinity], rows: [2, 0, -1] });
  });

  test("searches a mapped file past its header", async () => {
    const path = join(folder, `${level}.bin`);
    const vectors = Float32Array.of(9, 9, 1, 0, 0, 1); // 8 bytes of header, two vectors
    writeFileSync(path, Buffer.from(vectors.buffer));
    const corpus = Corpus.open(path, { dim: 2, type: "float32", byteOffset: 8, device: on });
    expect(corpus.rows).toBe(2);
    expect(await found(Tensor.from([[0, 2]], { device: on }), corpus, 1)).toEqual({ scores: [2], rows: [1] });
    corpus.dispose();
  });
});

describe("Corpus", () => {
  test("bytes that are no whole vectors are refused", () => {
    expect(() => Corpus.from(new Float32Array(7), { dim: 2 })).toThrow(
      "[Corpus] 28 bytes are 3.5 vectors of 2 float32",
    );
  });
  test("bits need a multiple of 8 dimensions", () => {
    expect(() => Corpus.from(new Uint8Array(7), { dim: 12 })).toThrow("[Corpus] dim is 12");
  });
  test("an array of another type is refused", () => {
    expect(() => Corpus.from(new Int8Array(4), { dim: 2, type: "bfloat16" })).toThrow(
      "[Corpus.from] a Int8Array does not hold bfloat16",
    );
  });
  test("k below 1 is refused", () => {
    const corpus = Corpus.from(new Float32Array(4), { dim: 2 });
    expect(() => exactSearch(Tensor.zeros([1, 2]), corpus, 0)).toThrow("[exactSearch] k is 0");
  });
});
