// Rows and elements by number: gather, scatterAdd, takeAlong, putAlong.
import { gather, putAlong, scatterAdd, Tensor, takeAlong, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { array64, generator, normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";

const int32 = (values: readonly number[], on: Tensor["device"], shape: readonly number[] = [values.length]) =>
  Tensor.from(Int32Array.from(values), { device: on, shape });

/** `count` numbers below `below`, half of them the same one: rows that many places share. */
function numbers(count: number, below: number): number[] {
  const next = generator(count + below);
  return Array.from({ length: count }, (_, i) => (i % 2 ? Math.floor(next() * below) : below >> 1));
}

// R numbers into N rows of C
const sizes: [number, number, number][] = [
  [1, 1, 1],
  [31, 5, 33],
  [200, 3, 32],
  [7, 40, 31],
  [150, 2, 300],
  [1500, 300, 8],
  [0, 4, 3],
  [5, 4, 0],
];
const sizeOf = (name: string) => JSON.parse(name) as [number, number, number];

checkOp("gather", {
  op([x], on, name) {
    const [R, N] = sizeOf(name);
    return gather(x!, int32(numbers(R, N), on));
  },
  reference([x], name) {
    const [R, N, C] = sizeOf(name);
    const rows = numbers(R, N);
    return array64([R, C], (i) => x!.data[rows[Math.floor(i / C)]! * C + (i % C)]!);
  },
  cases: sizes.map(([R, N, C]) => ({ name: JSON.stringify([R, N, C]), inputs: [normal([N, C], 17)] })),
});

checkOp("scatterAdd", {
  op([x], on, name) {
    const [R, N] = sizeOf(name);
    return scatterAdd(x!, int32(numbers(R, N), on), N);
  },
  reference([x], name) {
    const [R, N, C] = sizeOf(name);
    const y = array64([N, C]);
    for (const [i, row] of numbers(R, N).entries()) {
      for (let c = 0; c < C; c++) y.data[row * C + c]! += x!.data[i * C + c]!;
    }
    return y;
  },
  cases: sizes.map(([R, N, C]) => ({ name: JSON.stringify([R, N, C]), inputs: [normal([R, C], 18)] })),
});

// N rows, K numbers into C places each
const along: [number, number, number][] = [
  [1, 1, 1],
  [3, 31, 33],
  [5, 32, 4],
  [2, 3, 150],
  [2, 1500, 40],
  [0, 3, 4],
  [3, 0, 4],
];

checkOp("takeAlong", {
  op([x], on, name) {
    const [N, K, C] = sizeOf(name);
    return takeAlong(x!, int32(numbers(N * K, C), on, [N, K]));
  },
  reference([x], name) {
    const [N, K, C] = sizeOf(name);
    const places = numbers(N * K, C);
    return array64([N, K], (i) => x!.data[Math.floor(i / K) * C + places[i]!]!);
  },
  cases: along.map(([N, K, C]) => ({ name: JSON.stringify([N, K, C]), inputs: [normal([N, C], 19)] })),
});

checkOp("putAlong", {
  op([x], on, name) {
    const [N, K, C] = sizeOf(name);
    return putAlong(x!, int32(numbers(N * K, C), on, [N, K]), C);
  },
  reference([x], name) {
    const [N, K, C] = sizeOf(name);
    const y = array64([N, C]);
    for (const [i, place] of numbers(N * K, C).entries()) y.data[Math.floor(i / K) * C + place]! += x!.data[i]!;
    return y;
  },
  cases: along.map(([N, K, C]) => ({ name: JSON.stringify([N, K, C]), inputs: [normal([N, K], 20)] })),
});

describe.each(levels)("rows by number on %s", (level) => {
  const on = device(level);

  test("ids are gathered as they are, in any number of dimensions", async () => {
    const x = int32([1, 2, 70_000, -4, 5, 6], on, [3, 2, 1]);
    const y = gather(x, int32([2, 0], on));
    expect(y.shape).toEqual([2, 2, 1]);
    expect([...(await y.data())]).toEqual([5, 6, 1, 2]);
  });

  test("a number outside says where it is and what there is", async () => {
    const failures = tensorScope(() => {
      const x = Tensor.zeros([3, 2], { device: on });
      return [
        gather(x, int32([0, 3], on)).data(),
        scatterAdd(x, int32([0, 1, -1], on), 5).data(),
        takeAlong(x, int32([0, 1, 2, 0, 0, 0], on, [3, 2])).data(),
        putAlong(x, int32([0, 1, 9, 0, 0, 0], on, [3, 2]), 4).data(),
      ];
    });
    const messages = (await Promise.allSettled(failures)).map((f) => f.status === "rejected" && f.reason.message);
    expect(messages).toEqual([
      expect.stringContaining("row 3 at place 1 is outside x, which has 3 rows. Gather rows 0 to 2."),
      expect.stringContaining("row -1 at place 2 is outside the result, which has 5 rows."),
      expect.stringContaining("index 2 at row 1, place 0 is outside the last axis of 2. Count indices from 0."),
      expect.stringContaining("index 9 at row 1, place 0 is outside"),
    ]);
  });

  test("thousands of rows in one place are summed exactly enough", async () => {
    const x = normal([20_000, 1], 21);
    const exact = x.data.reduce((a, b) => a + b, 0);
    const tensor = Tensor.from(Float32Array.from(x.data), { shape: [20_000, 1], device: on });
    const y = scatterAdd(tensor, Tensor.zeros([20_000], { device: on, dtype: "int32" }), 1);
    expect(Math.abs((await y.item()) - exact)).toBeLessThan(1e-3);
  });
});

test("shapes that do not go together are named", () => {
  const x = Tensor.zeros([3, 2]);
  const rows = int32([0], x.device);
  expect(() => scatterAdd(x, rows, 3)).toThrow("[scatterAdd] x has shape [3, 2] and rows [1]");
  expect(() => takeAlong(x, rows)).toThrow("[takeAlong] x has shape [3, 2], but indices have [1]");
  expect(() => gather(x, x)).toThrow("[gather] rows [3, 2] is float32, but int32 is needed");
});
