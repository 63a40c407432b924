import { type Precision, quantizeEmbeddings, rangesOf } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { facts } from "../../support/dense-fixture.ts";

const rows = (values: readonly (readonly number[])[]) => values.map((row) => Float32Array.from(row));
const { quantized } = facts;
const values = rows(quantized.values);
const [min, max] = rows(quantized.ranges) as [Float32Array, Float32Array];

describe.each(Object.entries(quantized.kinds))("%s", (precision, kinds) => {
  test.each(Object.entries(kinds))("of the reference: %s", async (kind, expected) => {
    const found = await quantizeEmbeddings(values, precision as Precision, {
      ...(kind === "ranges" && { ranges: { min, max } }),
      ...(kind === "calibration" && { calibrationEmbeddings: rows(quantized.calibration) }),
    });
    expect(found.map((row) => [...row])).toEqual(expected);
    expect(new Set(found.map(({ buffer }) => buffer)).size).toBe(1);
  });
});

test("many embeddings go in parts, with the numbers of one", async () => {
  const dim = 1000;
  const many = Array.from({ length: 2500 }, (_, i) =>
    Float32Array.from({ length: dim }, (_, c) => Math.fround(Math.sin(i * 1.3 + c))),
  );
  const ranges = await rangesOf(many);
  for (const c of [0, 999]) {
    expect(ranges.max[c]).toBe(Math.max(...many.map((row) => row[c]!)));
    expect(ranges.min[c]).toBe(Math.min(...many.map((row) => row[c]!)));
  }
  const found = await quantizeEmbeddings(many, "int8");
  for (const i of [0, 1048, 1049, 2499]) {
    const [alone] = await quantizeEmbeddings([many[i]!], "int8", { ranges });
    expect(found[i]).toEqual(alone);
  }
});

test("a number at the top of its range is the last step, one beyond it too", async () => {
  const ranges = { min: Float32Array.of(0), max: Float32Array.of(255) };
  const found = await quantizeEmbeddings(rows([[-3], [0], [0.99], [1], [254.5], [255], [900]]), "uint8", { ranges });
  expect(found.map(([value]) => value)).toEqual([0, 0, 0, 1, 254, 255, 255]);
});

test("float32 and no embeddings at all are given back", async () => {
  expect(await quantizeEmbeddings(values, "float32")).toEqual(values);
  expect(await quantizeEmbeddings([], "int8")).toEqual([]);
});

test("few embeddings without ranges are noticed, with ranges not", async () => {
  const notices: string[] = [];
  const onNotice = (text: string) => notices.push(text);
  await quantizeEmbeddings(values, "int8", { onNotice });
  await quantizeEmbeddings(values, "int8", { onNotice, ranges: { min, max } });
  await quantizeEmbeddings(values, "binary", { onNotice });
  expect(notices).toHaveLength(1);
  expect(notices[0]).toMatch("8 embeddings");
});

test("unknown precisions, mixed widths and ranges of another width are named", async () => {
  await expect(quantizeEmbeddings(values, "int4" as "int8")).rejects.toThrow('precision "int4" is unknown');
  await expect(quantizeEmbeddings(rows([[1], [1, 2]]), "int8")).rejects.toThrow("embeddings[1] has 2 numbers");
  await expect(quantizeEmbeddings(rows([[1]]), "int8", { ranges: { min, max } })).rejects.toThrow(
    "ranges have 11 and 11 dimensions, but embeddings 1",
  );
});
