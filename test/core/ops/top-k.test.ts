import { Tensor, topK } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";

const cases: [number[], number][] = [
  [[1], 1],
  [[3, 31], 1],
  [[2, 32], 32],
  [[5, 33], 7],
  [[2, 300], 20],
  [[2, 2500], 37],
  [[4, 5], 0],
  [[0, 5], 2],
];
const kOf = (name: string) => Number(name.split("k = ")[1]);

/** Places of a row in the order of their values, the lower one first of equals. */
const ranked = (row: readonly number[]) => row.map((_, i) => i).sort((a, b) => row[b]! - row[a]! || a - b);

function reference(x: Array64, k: number): Array64 {
  const n = x.shape.at(-1)!;
  const rows = Array.from({ length: x.data.length / n }, (_, r) => [...x.data.subarray(r * n, (r + 1) * n)]);
  const best = rows.flatMap((row) =>
    ranked(row)
      .slice(0, k)
      .map((i) => row[i]!),
  );
  return array64([...x.shape.slice(0, -1), k], (i) => best[i]!);
}

checkOp("topK", {
  op: ([x], _, name) => topK(x!, kOf(name)).values,
  reference: ([x], name) => reference(x!, kOf(name)),
  cases: cases.map(([shape, k]) => ({ name: `[${shape.join(", ")}], k = ${k}`, inputs: [normal(shape, 13)] })),
});

describe.each(levels)("topK on %s", (level) => {
  const on = device(level);

  test("of equals the lower index comes first", async () => {
    const row = Float32Array.from({ length: 100 }, (_, i) => (i * 7) % 5); // each value 20 times
    const { values, indices } = topK(Tensor.from(row, { device: on }), 45);
    const expected = ranked([...row]).slice(0, 45);
    expect([...(await indices.data())]).toEqual(expected);
    expect([...(await values.data())]).toEqual(expected.map((i) => row[i]));
  });

  test("zeros of either sign are equal, and a NaN is the largest", async () => {
    const x = Tensor.from([1, 0, -0, NaN, Infinity, -0], { device: on });
    expect([...(await topK(x, 6).indices.data())]).toEqual([3, 4, 0, 1, 2, 5]);
  });

  test("rows of one value and falling rows keep their order", async () => {
    const n = 1000;
    const same = topK(Tensor.full([n], 2, { device: on }), 10).indices;
    expect([...(await same.data())]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const rising = topK(
      Tensor.from(
        Float32Array.from({ length: n }, (_, i) => i),
        { device: on },
      ),
      3,
    ).indices;
    expect([...(await rising.data())]).toEqual([999, 998, 997]);
  });

  test("a long row keeps the lower index of equals, at the edge of what is taken too", async () => {
    const row = Float32Array.from({ length: 5000 }, (_, i) => (i === 4000 ? NaN : i % 7 === 0 ? -0 : (i % 7) - 6));
    const expected = ranked([...row].map((value) => (Number.isNaN(value) ? Infinity : value + 0)));
    const x = Tensor.from(row, { device: on });
    for (const k of [1, 500, 5000]) {
      expect([...(await topK(x, k).indices.data())]).toEqual(expected.slice(0, k));
    }
  });
});

test("more than there is cannot be asked for", () => {
  expect(() => topK(Tensor.zeros([2, 3]), 4)).toThrow("[topK] k is 4, but x has shape [2, 3]");
});
