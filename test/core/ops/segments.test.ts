// Pooling over packed sequences: segmentMean, segmentWeightedMean, segmentMax, segmentFirst, segmentLast.
import {
  segmentFirst,
  segmentLast,
  segmentMax,
  segmentMean,
  segmentWeightedMean,
  Tensor,
  tensorScope,
} from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";

// lengths of the sequences, and channels; empty ones first, in the middle and last
const batches: { name: string; lengths: number[]; dim: number; skip?: number }[] = [
  { name: "one token", lengths: [1], dim: 1 },
  { name: "empty sequences", lengths: [0, 3, 0, 0, 2, 0], dim: 31 },
  { name: "32 channels", lengths: [5, 1, 33], dim: 32 },
  { name: "33 channels", lengths: [2, 31], dim: 33 },
  { name: "a long sequence", lengths: [1, 600], dim: 3 },
  { name: "wider than a block", lengths: [2, 1], dim: 300 },
  { name: "long and wide", lengths: [1, 70], dim: 136 },
  { name: "no sequence", lengths: [], dim: 4 },
];
const pooled = [...batches, { name: "after prompts of 2", lengths: [5, 2, 0, 40], dim: 9, skip: 2 }];
const batchOf = (name: string) => pooled.find((batch) => batch.name === name)!;

function rangesOf(name: string): { offsets: number[]; starts: number[] | null } {
  const { lengths, skip } = batchOf(name);
  const offsets = [0];
  for (const n of lengths) offsets.push(offsets.at(-1)! + n);
  return { offsets, starts: skip ? lengths.map((n, b) => offsets[b]! + Math.min(skip, n)) : null };
}
const int32 = (values: number[], on: Tensor["device"]) =>
  Tensor.from(Int32Array.from(values), { device: on, shape: [values.length] });

/** `of` gets the values of one channel of one sequence. */
function pool64(x: Array64, name: string, of: (values: number[]) => number): Array64 {
  const { offsets, starts } = rangesOf(name);
  const dim = x.shape[1]!;
  return array64([offsets.length - 1, dim], (i) => {
    const [b, c] = [Math.floor(i / dim), i % dim];
    const from = starts?.[b] ?? offsets[b]!;
    const values = Array.from({ length: offsets[b + 1]! - from }, (_, t) => x.data[(from + t) * dim + c]!);
    return values.length === 0 ? 0 : of(values);
  });
}

const average = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const weighted = (values: number[]) =>
  values.reduce((a, b, i) => a + (i + 1) * b, 0) / ((values.length * (values.length + 1)) / 2);

const inputs = (of: typeof batches, seed: number) =>
  of.map(({ name, lengths, dim }) => ({ name, inputs: [normal([lengths.reduce((a, b) => a + b, 0), dim], seed)] }));

for (const [name, op, of] of [
  ["segmentMean", segmentMean, average],
  ["segmentMax", segmentMax, (values: number[]) => Math.max(...values)],
] as const) {
  checkOp(name, {
    op([x], on, batch) {
      const { offsets, starts } = rangesOf(batch);
      return op(x!, int32(offsets, on), { starts: starts ? int32(starts, on) : undefined });
    },
    reference: ([x], batch) => pool64(x!, batch, of),
    cases: inputs(pooled, 14),
  });
}
for (const [name, op, of] of [
  ["segmentWeightedMean", segmentWeightedMean, weighted],
  ["segmentFirst", segmentFirst, (values: number[]) => values[0]!],
  ["segmentLast", segmentLast, (values: number[]) => values.at(-1)!],
] as const) {
  checkOp(name, {
    op: ([x], on, batch) => op(x!, int32(rangesOf(batch).offsets, on)),
    reference: ([x], batch) => pool64(x!, batch, of),
    cases: inputs(batches, 15),
  });
}

describe.each(levels)("pooling on %s", (level) => {
  const on = device(level);

  test("a sequence has the same bits alone and in a batch", async () => {
    const x = normal([700, 5], 16);
    const all = Tensor.from(Float32Array.from(x.data), { shape: [700, 5], device: on });
    const one = Tensor.from(Float32Array.from(x.data.subarray(300 * 5)), { shape: [400, 5], device: on });
    const together = await segmentMean(all, int32([0, 7, 300, 700], on)).data();
    expect([...(await segmentMean(one, int32([0, 400], on)).data())]).toEqual([...together.subarray(10)]);
  });

  test("offsets and starts that only the device knows are checked by the kernel", async () => {
    const failures = tensorScope(() => {
      const x = Tensor.zeros([4, 2], { device: on });
      const starts = int32([0, 1], on);
      return [
        segmentMean(x, Tensor.zeros([3], { device: on, dtype: "int32" })).data(),
        segmentMean(x, int32([0, 2, 4], on), { starts }).data(),
      ];
    });
    const messages = (await Promise.allSettled(failures)).map((f) => f.status === "rejected" && f.reason.message);
    expect(messages).toEqual([
      expect.stringContaining("offsets go from 0 to 0, but x has 4 rows. Pass the offsets of the batch that made x"),
      expect.stringContaining("starts[1] is 1, outside its sequence (rows 2 to 4)."),
    ]);
  });
});
