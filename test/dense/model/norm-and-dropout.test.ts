/** Modules that change embeddings behind the pooling: LayerNorm and Dropout. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Dropout, LayerNorm, Normalize, Pooling, SentenceTransformer, Tensor, Transformer } from "@ettin/dense";
import { beforeAll, describe, expect, test } from "vitest";
import { saveSmallEncoder } from "../../support/dense-model.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { read } from "../../support/read.ts";

const root = temporaryFolder();
beforeAll(() => saveSmallEncoder(join(root, "encoder")));

const features = (rows: number[][]) => ({
  batch: { tokens: new Int32Array(), offsets: new Int32Array(1) },
  tensors: { sentence_embedding: Tensor.from(rows) },
});

async function modelWith(...modules: (LayerNorm | Dropout | Normalize)[]): Promise<SentenceTransformer> {
  const transformer = await Transformer.fromPretrained(join(root, "encoder"));
  const pooling = new Pooling({ embeddingDimension: transformer.embeddingDimension });
  return new SentenceTransformer({ modules: [transformer, pooling, ...modules] });
}

test("LayerNorm has mean 0, variance 1, then its scale and shift", async () => {
  const norm = new LayerNorm({ dimension: 2 });
  norm.weight.setValues([2, 3]);
  norm.bias.setValues([0.5, -0.5]);
  const values = await read(() => norm.forward(features([[1, 5]])).tensors.sentence_embedding!);
  // (1, 5) is (−1, 1) but for eps: 1 / √(1 + 1e-5 / 4); then −2 + 0.5 and 3 − 0.5
  expect(values[0]).toBeCloseTo(-1.5, 5);
  expect(values[1]).toBeCloseTo(2.5, 5);
  norm.dispose();
});

describe("Dropout", () => {
  const dropout = new Dropout({ dropout: 0.25 });
  const ones = Array.from({ length: 4 }, () => new Array<number>(4096).fill(1));
  const dropped = (draw: object, rows = ones) =>
    read(() => dropout.forward(features(rows), { dropout: { seed: 1, step: 3, ...draw } }).tensors.sentence_embedding!);

  test("leaves three of four numbers, larger by a third, and each text its mask in any batch", async () => {
    const values = await dropped({});
    const zeros = values.filter((value) => value === 0).length;
    expect(Math.abs(zeros / values.length - 0.25)).toBeLessThan(0.02);
    for (const value of new Set(values)) expect([0, Math.fround(1 / 0.75)]).toContain(value);
    const alone = await dropped({ firstSequence: 2 }, [ones[0]!]);
    expect(alone).toEqual(values.slice(2 * 4096, 3 * 4096));
    expect(await dropped({ sequences: Int32Array.of(2) }, [ones[0]!])).toEqual(alone);
    expect(await dropped({ step: 4 })).not.toEqual(values);
  });

  test("does nothing outside training", async () => {
    expect(await read(() => dropout.forward(features([[1, 2]]), {}).tensors.sentence_embedding!)).toEqual(
      Float32Array.of(1, 2),
    );
    expect(() => new Dropout({ dropout: 1 })).toThrow("[Dropout] dropout is 1. Use a probability from 0 to below 1.");
  });
});

test("a model with both is saved as the reference has it, and loads", async () => {
  const model = await modelWith(new LayerNorm({ dimension: 32 }), new Dropout({ dropout: 0.5 }), new Normalize());
  const [, , norm] = model.modules;
  (norm as LayerNorm).weight.setValues(Array.from({ length: 32 }, (_, i) => 1 + i / 32));
  const folder = join(root, "model");
  await model.savePretrained(folder);
  const json = (path: string) => JSON.parse(readFileSync(join(folder, path), "utf8"));
  expect(
    json("modules.json")
      .map(({ path, type }: Record<string, string>) => [path, type])
      .slice(2),
  ).toEqual([
    ["2_LayerNorm", "sentence_transformers.models.LayerNorm"],
    ["3_Dropout", "sentence_transformers.models.Dropout"],
    ["4_Normalize", "sentence_transformers.models.Normalize"],
  ]);
  expect([json("2_LayerNorm/config.json"), json("3_Dropout/config.json")]).toEqual([
    { dimension: 32 },
    { dropout: 0.5 },
  ]);
  const [before, copied] = [await model.encode("a text"), model.copy()];
  const again = await SentenceTransformer.fromPretrained(folder);
  expect(await again.encode("a text")).toEqual(before);
  expect(await copied.encode("a text")).toEqual(before);
  writeFileSync(join(folder, "2_LayerNorm/config.json"), "{}");
  await expect(SentenceTransformer.fromPretrained(folder)).rejects.toThrow(
    "config.json is missing. Write a whole number.",
  );
  for (const each of [model, copied, again]) each.dispose();
});
