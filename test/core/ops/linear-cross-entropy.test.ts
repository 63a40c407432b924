import { crossEntropy, linear, linearCrossEntropy, noGrad, openCpu, parameter, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import { checkOp, expectClose, roundToBfloat16 } from "../../support/check-op.ts";
import { cpuOnly, device, levels } from "../../support/devices.ts";

const targetOf = (row: number, vocabulary: number): number => (7 * row + 3) % vocabulary;
const targets = (rows: number, vocabulary: number, on: ReturnType<typeof device>) =>
  Tensor.from(
    Int32Array.from({ length: rows }, (_, s) => targetOf(s, vocabulary)),
    { device: on },
  );

/** Loss per row, in float64. */
function reference([x, w, bias]: readonly Array64[]): Array64 {
  const [rows, dim] = x!.shape as [number, number];
  const vocabulary = w!.shape[0]!;
  return array64([rows], (s) => {
    const scores = Array.from({ length: vocabulary }, (_, v) => {
      let sum = bias?.data[v] ?? 0;
      for (let d = 0; d < dim; d++) sum += x!.data[s * dim + d]! * w!.data[v * dim + d]!;
      return sum;
    });
    const top = Math.max(...scores);
    const lse = top + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - top), 0));
    return lse - scores[targetOf(s, vocabulary)]!;
  });
}

/** Gradients of the mean loss by x, w and bias, in float64. */
function gradients64([x, w, bias]: readonly Array64[], ids: readonly number[]): Float64Array[] {
  const [rows, dim] = x!.shape as [number, number];
  const [dx, dw, dbias] = [x!, w!, bias!].map(({ data }) => new Float64Array(data.length)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let s = 0; s < rows; s++) {
    const scores = Float64Array.from(bias!.data, (sum, v) => {
      for (let d = 0; d < dim; d++) sum += x!.data[s * dim + d]! * w!.data[v * dim + d]!;
      return sum;
    });
    const top = scores.reduce((a, b) => Math.max(a, b));
    const total = scores.reduce((sum, score) => sum + Math.exp(score - top), 0);
    for (const [v, score] of scores.entries()) {
      const change = (Math.exp(score - top) / total - (v === ids[s] ? 1 : 0)) / rows;
      dbias[v]! += change;
      for (let d = 0; d < dim; d++) {
        dx[s * dim + d]! += change * w!.data[v * dim + d]!;
        dw[v * dim + d]! += change * x!.data[s * dim + d]!;
      }
    }
  }
  return [dx, dw, dbias];
}

const reduced = (losses: Array64, reduction: "mean" | "sum"): Array64 =>
  array64([], () => losses.data.reduce((a, b) => a + b, 0) / (reduction === "mean" ? losses.data.length : 1));

const cases = [
  [1, 1, 1],
  [1, 31, 8],
  [31, 33, 5],
  [33, 32, 31],
  [5, 257, 16],
  [3, 9001, 4], // several tiles to a row of scores
  [600, 33, 5], // a bias summed in pieces
].map(([rows, vocabulary, dim]) => ({
  name: `${rows} rows, ${vocabulary} words, ${dim} wide`,
  inputs: [normal([rows!, dim!], 1), normal([vocabulary!, dim!], 2, 0.5), normal([vocabulary!], 3)],
}));

for (const reduction of ["mean", "sum"] as const) {
  checkOp(`linearCrossEntropy, ${reduction}`, {
    op: ([x, w, bias], on) =>
      linearCrossEntropy(x!, w!, { bias: bias!, targets: targets(x!.shape[0]!, w!.shape[0]!, on), reduction }),
    reference: (inputs) => reduced(reference(inputs), reduction),
    cases,
  });
}
checkOp("linearCrossEntropy, none", {
  op: ([x, w, bias], on) =>
    linearCrossEntropy(x!, w!, { bias: bias!, targets: targets(x!.shape[0]!, w!.shape[0]!, on), reduction: "none" }),
  reference: (inputs) => reference(inputs),
  cases,
});
checkOp("linearCrossEntropy without a bias", {
  op: ([x, w], on) => linearCrossEntropy(x!, w!, { targets: targets(x!.shape[0]!, w!.shape[0]!, on) }),
  reference: (inputs) => reduced(reference(inputs), "mean"),
  cases: cases.map(({ name, inputs }) => ({ name, inputs: inputs.slice(0, 2) })),
});

describe.each(levels)("linearCrossEntropy on %s", (level) => {
  const on = device(level);
  const leaf = (values: Array64) =>
    Tensor.from(Float32Array.from(values.data), { shape: values.shape, device: on, requiresGrad: true });
  const [x, w] = [normal([6, 8], 1), normal([50, 8], 2)];

  test.each([0, 1e4])("equal scores of %d cost log(vocabulary)", async (score) => {
    const zero = Tensor.zeros([50, 8], { device: on });
    const bias = Tensor.full([50], score, { device: on });
    const loss = tensorScope(() => linearCrossEntropy(leaf(x), zero, { bias, targets: targets(6, 50, on) }));
    expect(await loss.item()).toBeCloseTo(Math.log(50), 5);
  });

  test("agrees with crossEntropy(linear(x, weight, bias), targets), gradients too", async () => {
    const bias = normal([50], 3);
    const reads = tensorScope(() =>
      [true, false].flatMap((fused) => {
        const [a, b, c] = [leaf(x), leaf(w), leaf(bias)];
        const ids = targets(6, 50, on);
        const loss = fused ? linearCrossEntropy(a, b, { bias: c, targets: ids }) : crossEntropy(linear(a, b, c), ids);
        loss.backward();
        return [loss.data(), ...[a, b, c].map((t) => t.grad!.data())];
      }),
    );
    const values = await Promise.all(reads);
    for (let i = 0; i < 4; i++) expectClose(values[i]!, values[i + 4]!, 1e-6, ["loss", "dx", "dw", "dbias"][i]!);
  });

  test("micro-batches weighted by their share of the rows add up to the batch's gradient", async () => {
    const reads = tensorScope(() => {
      const [whole, parts] = [parameter(leaf(w)), parameter(leaf(w))];
      const ids = targets(6, 50, on);
      linearCrossEntropy(leaf(x), whole, { targets: ids }).backward();
      for (const [begin, end] of [
        [0, 2],
        [2, 6],
      ] as const) {
        const rows = leaf(array64([end - begin, 8], (i) => x.data[begin * 8 + i]!));
        const share = Tensor.full([], (end - begin) / 6, { device: on });
        const some = ids.viewAs([end - begin], [1], begin);
        linearCrossEntropy(rows, parts, { targets: some }).backward({ gradient: share });
      }
      const reads = [whole.grad!.data(), parts.grad!.data()];
      whole.dispose();
      parts.dispose();
      return reads;
    });
    const [whole, parts] = await Promise.all(reads);
    expectClose(parts!, whole!, 1e-6, "gradient of the weight");
  });

  test("the gradient of a mean is the same bits as of rows that are averaged after", async () => {
    const reads = tensorScope(() => {
      const [a, b] = [leaf(x), leaf(x)];
      const table = leaf(w);
      linearCrossEntropy(a, table, { targets: targets(6, 50, on) }).backward();
      const rows = linearCrossEntropy(b, table, { targets: targets(6, 50, on), reduction: "none" });
      rows.backward({ gradient: Tensor.full([6], 1 / 6, { device: on }) });
      return [a.grad!.data(), b.grad!.data()];
    });
    const [fused, rows] = await Promise.all(reads);
    expect(fused).toEqual(rows);
  });

  test("a row's loss does not depend on the other rows", async () => {
    const reads = tensorScope(() => {
      const ids = targets(6, 50, on);
      const all = linearCrossEntropy(leaf(x), leaf(w), { targets: ids, reduction: "none" });
      const last = leaf(array64([1, 8], (i) => x.data[40 + i]!));
      const alone = linearCrossEntropy(last, leaf(w), { targets: ids.viewAs([1], [1], 5), reduction: "none" });
      return [all.data(), alone.data()];
    });
    const [all, alone] = await Promise.all(reads);
    if (cpuOnly.includes(level)) expect(alone![0]).toBe(all![5]);
    else expect(alone![0]).toBeCloseTo(all![5]!, 5); // a GPU's library of products chooses by their shape
  });

  test("rows past the first block of scores have the first's losses and gradients", async () => {
    const rows = 60; // a block holds 28 MB of scores on a CPU, 224 MB on a GPU
    const vocabulary = cpuOnly.includes(level) ? 130_003 : 1_000_003;
    const values = [0.5, -0.25, 1, 0];
    const word = (v: number) => ((v * 7919) % 1009) / 1009;
    const reads = tensorScope(() => {
      const x = leaf(array64([rows, 1], (s) => values[s % 4]!));
      const w = leaf(array64([vocabulary, 1], word));
      const targets = Tensor.from(
        Int32Array.from({ length: rows }, (_, s) => s % 4),
        { device: on },
      );
      const losses = linearCrossEntropy(x, w, { targets, reduction: "none" });
      linearCrossEntropy(x, w, { targets }).backward();
      return [losses.data(), x.grad!.data(), w.grad!.data()];
    });
    const [losses, dx, dw] = await Promise.all(reads);
    const sums = values.map((x) => {
      let [sum, mean] = [0, 0]; // of e^score, and of w weighted by it
      for (let v = 0; v < vocabulary; v++) {
        sum += Math.exp(x * word(v));
        mean += Math.exp(x * word(v)) * word(v);
      }
      return { sum, mean: mean / sum };
    });
    const same = (length: number, of: (s: number) => number) => Array.from({ length }, (_, s) => of(s % 4));
    expectClose(
      losses!,
      same(rows, (s) => Math.log(sums[s]!.sum) - values[s]! * word(s)),
      1e-5,
      "losses",
    );
    expectClose(
      dx!,
      same(rows, (s) => (sums[s]!.mean - word(s)) / rows),
      1e-4 / rows,
      "gradient of x",
      1,
    );
    const places = [0, 1, 2, 3, 4, 100_000, vocabulary - 1];
    const slope = (v: number, x: number, s: number) => (Math.exp(x * word(v)) / sums[s]!.sum - (v === s ? 1 : 0)) * x;
    expectClose(
      places.map((v) => dw![v]!),
      places.map((v) => values.reduce((sum, x, s) => sum + slope(v, x, s), 0) / 4),
      1e-5,
      "gradient of the weight",
    );
  });

  test("rows of which a GPU's block keeps a part have the formula's gradients, in bfloat16 too", async () => {
    const [rows, vocabulary, ids] = [2, 60_001, [50_003, 17]];
    const shapes = [[rows, 4], [vocabulary, 4], [vocabulary]];
    const inputs = shapes.map((shape, i) => {
      const { data } = normal(shape, i + 1);
      return array64(shape, (j) => roundToBfloat16(data[j]!));
    });
    const expected = gradients64(inputs, ids);
    for (const dtype of ["float32", "bfloat16"] as const) {
      const got = await Promise.all(
        tensorScope(() => {
          const leaves = inputs.map(({ shape, data }) =>
            Tensor.from(Float32Array.from(data), { shape, device: on, dtype, requiresGrad: true }),
          ) as [Tensor, Tensor, Tensor];
          const [a, b, c] = leaves;
          linearCrossEntropy(a, b, { bias: c, targets: Tensor.from(Int32Array.from(ids), { device: on }) }).backward();
          return leaves.map((t) => t.grad!.data());
        }),
      );
      const tolerance = dtype === "float32" ? 1e-5 : 2 ** -7;
      for (const [i, what] of ["dx", "dw", "dbias"].entries()) {
        expectClose(got[i]!, expected[i]!, tolerance, `${what} in ${dtype}`);
      }
    }
  });

  test("a target outside the vocabulary is named with its place", async () => {
    const [loss] = tensorScope(() => {
      const ids = Tensor.from(Int32Array.from([1, 2, 50, 0, 0, 0]), { device: on });
      return [noGrad(() => linearCrossEntropy(leaf(x), leaf(w), { targets: ids })).item()];
    });
    await expect(loss).rejects.toThrow("target 50 at place 2 is outside the vocabulary of 50");
  });
});

describe("linearCrossEntropy", () => {
  test("needs less than 64 MB beside its gradients at vocabulary 50368", async () => {
    const own = openCpu();
    const { backend } = own;
    const [rows, vocabulary, dim] = [1024, 50368, 8];
    const weight = Tensor.zeros([vocabulary, dim], { device: own, requiresGrad: true });
    const x = Tensor.zeros([rows, dim], { device: own, requiresGrad: true });
    const before = backend.memoryStats();
    tensorScope(() => linearCrossEntropy(x, weight, { targets: targets(rows, vocabulary, own) }).backward());
    await backend.synchronize();
    const after = backend.memoryStats();
    const gradients = 4 * (rows + vocabulary) * dim;
    expect(after.peak - before.current - gradients).toBeLessThan(1e6); // the weight's gradient is there once
    expect(after.scratchPeak + after.packed).toBeLessThan(62e6);
    backend.close();
  });

  test("a mean over no rows is refused, a sum is zero", async () => {
    const x = Tensor.zeros([0, 4], { requiresGrad: true });
    const w = Tensor.ones([3, 4], { requiresGrad: true });
    const none = Tensor.from(new Int32Array(0));
    expect(() => linearCrossEntropy(x, w, { targets: none })).toThrow(
      "[linearCrossEntropy] there are no rows to average over",
    );
    const loss = linearCrossEntropy(x, w, { targets: none, reduction: "sum" });
    loss.backward();
    expect(await loss.item()).toBe(0);
    expect([...(await w.grad!.data())]).toEqual(new Array(12).fill(0));
  });

  test("targets of another batch are named in the error", () => {
    const [x, w] = [Tensor.zeros([2, 4]), Tensor.zeros([3, 4])];
    expect(() => linearCrossEntropy(x, w, { targets: Tensor.from(Int32Array.of(1)) })).toThrow(
      "[linearCrossEntropy] targets has shape [1], but [2] is needed",
    );
  });
});
