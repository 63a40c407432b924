import { type MatmulOptions, matmul, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import { checkOp, type OpCase } from "../../support/check-op.ts";
import { cpuOnly, device } from "../../support/devices.ts";

/** Element (row, col) of entry `place` of a batch that is broadcast to `batch`. */
function reader(x: Array64, batch: readonly number[], transpose: boolean) {
  const [rows, cols] = x.shape.slice(-2) as [number, number];
  const own = [...new Array<number>(batch.length + 2 - x.shape.length).fill(1), ...x.shape.slice(0, -2)];
  return (place: number, row: number, col: number): number => {
    let [entry, stride, rest] = [0, 1, place];
    for (let d = batch.length - 1; d >= 0; d--) {
      if (own[d] !== 1) entry += (rest % batch[d]!) * stride;
      stride *= own[d]!;
      rest = Math.floor(rest / batch[d]!);
    }
    return x.data[entry * rows * cols + (transpose ? col * cols + row : row * cols + col)]!;
  };
}

/** y[…, m, n] = Σ_k a[…, m, k] b[…, k, n]. */
function formula([a, b]: readonly Array64[], options: MatmulOptions): Array64 {
  const size = (x: Array64, last: number, transpose = false) => x.shape.at(transpose ? -3 - last : last)!;
  const [m, k] = [size(a!, -2, options.transposeA), size(a!, -1, options.transposeA)];
  const n = size(b!, -1, options.transposeB);
  const dims = Math.max(a!.shape.length, b!.shape.length) - 2;
  const entries = (x: Array64, d: number) => x.shape[x.shape.length - 2 - dims + d] ?? 1;
  const batch = Array.from({ length: dims }, (_, d) => (entries(a!, d) === 1 ? entries(b!, d) : entries(a!, d)));
  const [readA, readB] = [reader(a!, batch, !!options.transposeA), reader(b!, batch, !!options.transposeB)];
  return array64([...batch, m, n], (i) => {
    const [place, row, col] = [Math.floor(i / (m * n)), Math.floor(i / n) % m, i % n];
    let sum = 0;
    for (let j = 0; j < k; j++) sum += readA(place, row, j) * readB(place, j, col);
    return sum;
  });
}

const shapes = (a: readonly number[], b: readonly number[]): OpCase => ({
  name: `[${a}] · [${b}]`,
  inputs: [normal(a, 1), normal(b, 2)],
});

checkOp("matmul", {
  op: ([a, b]) => matmul(a!, b!),
  reference: (inputs) => formula(inputs, {}),
  cases: [
    shapes([1, 1], [1, 1]),
    shapes([31, 33], [33, 32]),
    shapes([33, 32], [32, 31]),
    shapes([3, 0], [0, 2]),
    shapes([2, 300], [300, 5]),
    shapes([5, 3, 4], [5, 4, 6]),
    shapes([5, 3, 4], [4, 6]), // b for all
    shapes([3, 4], [5, 4, 6]), // a for all
    shapes([2, 1, 3, 4], [1, 3, 4, 6]),
    shapes([2, 1, 2, 3, 3, 2], [1, 2, 2, 1, 2, 3]), // four batch dimensions
    shapes([0, 3, 4], [4, 6]),
  ],
});
checkOp("matmul with a transposed", {
  op: ([a, b]) => matmul(a!, b!, { transposeA: true }),
  reference: (inputs) => formula(inputs, { transposeA: true }),
  cases: [shapes([33, 31], [33, 32]), shapes([2, 4, 3], [2, 4, 5]), shapes([2, 4, 3], [4, 5])],
});
checkOp("matmul with b transposed", {
  op: ([a, b]) => matmul(a!, b!, { transposeB: true }),
  reference: (inputs) => formula(inputs, { transposeB: true }),
  cases: [shapes([33, 31], [32, 31]), shapes([2, 3, 4], [2, 5, 4]), shapes([2, 3, 4], [5, 4])],
});
checkOp("matmul with both transposed", {
  op: ([a, b]) => matmul(a!, b!, { transposeA: true, transposeB: true }),
  reference: (inputs) => formula(inputs, { transposeA: true, transposeB: true }),
  cases: [shapes([31, 33], [32, 31]), shapes([3, 31, 3], [3, 7, 31])],
});

// A GPU's library of products chooses by their shape.
describe.each(cpuOnly)("matmul on %s", (level) => {
  test.each(["float32", "bfloat16"] as const)("an entry of a %s batch has the same bits alone", async (dtype) => {
    const [a, b] = [normal([6, 9, 40], 1), normal([6, 40, 21], 2)];
    const entry = (x: Array64, i: number): Array64 => {
      const size = x.data.length / 6;
      return { shape: x.shape.slice(1), data: x.data.slice(i * size, (i + 1) * size) };
    };
    const run = (a: Array64, b: Array64) =>
      tensorScope(() => {
        const [left, right] = [a, b].map((x) =>
          Tensor.from(Float32Array.from(x.data), { shape: x.shape, dtype, device: device(level) }),
        );
        return { read: matmul(left!, right!).data() };
      }).read;
    const whole = await run(a, b);
    for (const i of [0, 5]) {
      expect(await run(entry(a, i), entry(b, i))).toEqual(whole.slice(i * 9 * 21, (i + 1) * 9 * 21));
    }
  });
});

test("shapes that do not fit are named", () => {
  tensorScope(() => {
    const zeros = (...shape: number[]) => Tensor.zeros(shape);
    expect(() => matmul(zeros(2, 3), zeros(4, 5))).toThrow("[matmul] a [2, 3] has 3 columns, but b [4, 5] has 4 rows");
    expect(() => matmul(zeros(2, 3), zeros(4, 3), { transposeA: true, transposeB: true })).toThrow(
      "[matmul] a [2, 3] transposed has 2 columns, but b [4, 3] transposed has 3 rows",
    );
    expect(() => matmul(zeros(3), zeros(3, 2))).toThrow("[matmul] a has shape [3], which is 1 dimensions");
    expect(() => matmul(zeros(2, 3, 4), zeros(3, 4, 5))).toThrow(
      "[matmul] a [2, 3, 4] and b [3, 4, 5] have 2 and 3 entries in one batch dimension",
    );
    expect(() => matmul(zeros(2, 3), Tensor.zeros([3, 2], { dtype: "bfloat16" }))).toThrow(
      "[matmul] a [2, 3] is float32, but b [3, 2] is bfloat16",
    );
  });
});
