import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { AdamW, clipGradNorm, type Device, parameter, StableAdamW, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { generator, normal, sizeOf } from "../../support/array64.ts";
import { expectClose } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";

interface Fixture {
  shapes: number[][];
  groups: { parameters: number[]; weightDecay: number; learningRate: number }[];
  betas: [number, number];
  eps: number;
  maxNorm: number;
  factors: number[];
  start: number[][];
  gradients: number[][][];
  adamw: number[][];
  adamwClipped: number[][];
  norms: number[];
  stableAdamw: number[][];
  stableAdamwDecoupled: number[][];
  hundred: {
    steps: number;
    seed: number;
    shapes: number[][];
    firstGradient: number[];
    adamw: number[][];
    stableAdamw: number[][];
    stableAdamwDecoupled: number[][];
  };
}
const fixture: Fixture = JSON.parse(readFileSync(new URL("../../fixtures/optim.json", import.meta.url), "utf8"));

const leafOf = (values: ArrayLike<number>, shape: readonly number[], on: Device): Tensor =>
  parameter(Tensor.from(Float32Array.from(values), { shape, device: on }));
const setGrad = (leaf: Tensor, values: ArrayLike<number>): void => {
  leaf.zeroGrad();
  leaf.addGrad(Tensor.from(Float32Array.from(values), { shape: leaf.shape, device: leaf.device }), true);
};

/** The fixture's run from step `from`, the base rate being the first group's. */
async function run(
  on: Device,
  make: (groups: { parameters: Tensor[]; weightDecay: number; learningRate: number }[]) => AdamW | StableAdamW,
  maxNorm: number | null,
) {
  const parameters = fixture.start.map((values, i) => leafOf(values, fixture.shapes[i]!, on));
  const optimizer = make(fixture.groups.map((g) => ({ ...g, parameters: g.parameters.map((i) => parameters[i]!) })));
  const norms: Promise<number>[] = [];
  fixture.gradients.forEach((step, s) => {
    tensorScope(() => {
      for (const [i, values] of step.entries()) setGrad(parameters[i]!, values);
      const clip = maxNorm === null ? null : clipGradNorm(parameters, maxNorm);
      if (clip) norms.push(clip.norm.item());
      optimizer.step(fixture.groups[0]!.learningRate * fixture.factors[s]!, clip);
    });
  });
  const values = await Promise.all(parameters.map((p) => p.data()));
  return { values, norms: await Promise.all(norms) };
}

type Groups = { parameters: Tensor[]; weightDecay: number; learningRate: number }[];
const options = { learningRate: fixture.groups[0]!.learningRate, betas: fixture.betas, eps: fixture.eps };

describe.each(levels)("optimizers on %s", (level) => {
  const on = device(level);
  const expectParameters = (values: ArrayLike<number>[], expected: number[][]) => {
    for (const [i, value] of values.entries()) expectClose(value, expected[i]!, 1e-6, `parameter ${i}`);
  };

  test("ten steps of AdamW with groups agree with PyTorch", async () => {
    const { values } = await run(on, (groups) => new AdamW(groups, options), null);
    expectParameters(values, fixture.adamw);
  });

  test("ten steps of AdamW with clipping agree with PyTorch, and so do the norms", async () => {
    const { values, norms } = await run(on, (groups) => new AdamW(groups, options), fixture.maxNorm);
    expectParameters(values, fixture.adamwClipped);
    expectClose(norms, fixture.norms, 1e-6, "norms");
  });

  test("ten steps of StableAdamW agree with the formula in float64", async () => {
    const { values } = await run(on, (groups) => new StableAdamW(groups, options), null);
    expectParameters(values, fixture.stableAdamw);
  });

  test("ten steps of StableAdamW with decoupled decay agree with the formula in float64", async () => {
    const make = (groups: ConstructorParameters<typeof StableAdamW>[0]) =>
      new StableAdamW(groups, { ...options, decoupleLearningRate: true });
    const { values } = await run(on, make, null);
    expectParameters(values, fixture.stableAdamwDecoupled);
  });

  test.each([
    ["AdamW", fixture.hundred.adamw, (groups: Groups) => new AdamW(groups, options)],
    ["StableAdamW", fixture.hundred.stableAdamw, (groups: Groups) => new StableAdamW(groups, options)],
    [
      "StableAdamW with decoupled decay",
      fixture.hundred.stableAdamwDecoupled,
      (groups: Groups) => new StableAdamW(groups, { ...options, decoupleLearningRate: true }),
    ],
  ])("a hundred steps of %s agree with float64", async (_, expected, make) => {
    // The inputs of scripts/reference/optim.py, drawn again.
    const { steps, seed, shapes, firstGradient } = fixture.hundred;
    const uniform = generator(seed);
    const draw = (shape: number[], scale: number) =>
      Float32Array.from({ length: sizeOf(shape) }, () => scale * (2 * uniform() - 1));
    const parameters = shapes.map((shape) => leafOf(draw(shape, 1), shape, on));
    const optimizer = make(
      fixture.groups.map((group) => ({ ...group, parameters: group.parameters.map((i) => parameters[i]!) })),
    );
    for (let s = 0; s < steps; s++) {
      const rate = s < 10 ? (s + 1) / 10 : 1 - (0.9 * (s - 10)) / 90;
      tensorScope(() => {
        for (const [i, shape] of shapes.entries()) {
          const gradient = draw(shape, [1e-3, 1e-2, 1e-1, 1, 10][s % 5]!);
          if (s === 0 && i === 0) expect([...gradient]).toEqual(firstGradient);
          setGrad(parameters[i]!, gradient);
        }
        optimizer.step(fixture.groups[0]!.learningRate * rate);
      });
    }
    expectParameters(await Promise.all(parameters.map((p) => p.data())), expected);
  });

  test.each([AdamW, StableAdamW])("%o takes tensors of any size, cut into pieces or not", async (Kind) => {
    const sizes = [1, 31, 32, 33, 0, 70_001];
    const all = sizes.map((size) => leafOf(normal([size], 1).data, [size], on));
    const small = leafOf(normal([33], 1).data, [33], on);
    for (const leaf of [...all, small]) setGrad(leaf, normal(leaf.shape, 2).data);
    new Kind(all, { eps: 0 }).step();
    new Kind([small], { eps: 0 }).step();
    const [among, alone] = await Promise.all([all[3]!.data(), small.data()]);
    expect(among).toEqual(alone);
    const start = normal([70_001], 1).data;
    const large = await all[5]!.data();
    // the first step of Adam moves each value by the learning rate, against the gradient's sign
    const sign = normal([70_001], 2).data;
    const rate = Kind === AdamW ? 1e-3 : 1e-3; // r = 1 where v = g²
    const expected = start.map((p, i) => p * (1 - rate * 0.01) - rate * Math.sign(sign[i]!));
    expectClose(large, expected, 1e-6, "values");
  });

  test.each([AdamW, StableAdamW])("%o takes more tensors than one launch", async (Kind) => {
    const sizes = Array.from({ length: 150 }, (_, i) => i % 5);
    const leaves = () =>
      sizes.map((size, i) => {
        const leaf = leafOf(normal([size], i).data, [size], on);
        setGrad(leaf, normal([size], i + 1).data);
        return leaf;
      });
    const [together, apart] = [leaves(), leaves()];
    const { norm } = clipGradNorm(together, 0); // measured, not clipped
    new Kind(together).step();
    for (const leaf of apart) new Kind([leaf]).step();
    const read = (all: Tensor[]) => Promise.all(all.map((leaf) => leaf.data()));
    expect(await read(together)).toEqual(await read(apart));
    const squares = sizes.flatMap((size, i) => [...normal([size], i + 1).data].map((g) => g * g));
    expect(await norm.item()).toBeCloseTo(Math.sqrt(squares.reduce((a, b) => a + b, 0)), 4);
  });

  test("the same bits with 1, 2 and 3 threads", async () => {
    const runs = await Promise.all(
      [1, 2, 3].map(async (threads) => {
        const where = device(level, threads);
        const leaf = leafOf(normal([100_003], 5).data, [100_003], where);
        setGrad(leaf, normal([100_003], 6).data);
        const clip = clipGradNorm([leaf], 1);
        new StableAdamW([leaf]).step(undefined, clip);
        new AdamW([leaf]).step(undefined, clip);
        return `${await clip.norm.item()} ${createHash("sha256")
          .update(await leaf.data())
          .digest("hex")}`;
      }),
    );
    expect(new Set(runs).size).toBe(1);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("a gradient of %d changes nothing", async (bad) => {
    for (const Kind of [AdamW, StableAdamW]) {
      const leaf = leafOf([1, 2, 3], [3], on);
      const optimizer = new Kind([leaf]);
      setGrad(leaf, [1, 1, 1]);
      optimizer.step();
      const before = await Promise.all([leaf, optimizer.stateDict().state[0]!.first].map((x) => x.data()));
      setGrad(leaf, [1, bad, 1]);
      optimizer.step(undefined, clipGradNorm([leaf], 1));
      const after = await Promise.all([leaf, optimizer.stateDict().state[0]!.first].map((x) => x.data()));
      expect(after).toEqual(before);
    }
  });

  test("the norm of large and small gradients is the exact sum's root", async () => {
    const leaves = [normal([40_000], 1, 100), normal([7], 2, 1e-3), normal([0], 3)].map((x) => {
      const leaf = leafOf(x.data, x.shape, on);
      setGrad(leaf, x.data);
      return { leaf, sum: x.data.reduce((a, b) => a + b * b, 0) };
    });
    const { norm } = clipGradNorm(
      leaves.map(({ leaf }) => leaf),
      1,
    );
    const exact = Math.sqrt(leaves.reduce((a, { sum }) => a + sum, 0));
    expect(Math.abs((await norm.item()) / exact - 1)).toBeLessThan(1e-6);
  });
});

describe("optimizers", () => {
  test("a saved and loaded state goes on to the same bits", async () => {
    for (const Kind of [AdamW, StableAdamW]) {
      const start = normal([50], 1).data;
      const [whole, resumed] = [leafOf(start, [50], device("baseline")), leafOf(start, [50], device("baseline"))];
      const first = new Kind([whole], { learningRate: 0.01 });
      const before = new Kind([resumed], { learningRate: 0.01 });
      for (let s = 0; s < 3; s++) {
        setGrad(whole, normal([50], 10 + s).data);
        setGrad(resumed, normal([50], 10 + s).data);
        first.step();
        before.step();
      }
      const saved = before.stateDict();
      const state = await Promise.all(
        saved.state.map(async (s) => s && { step: s.step, first: await s.first.data(), second: await s.second.data() }),
      );
      const after = new Kind([resumed], { learningRate: 1 });
      after.loadStateDict({ ...saved, state });
      before.dispose();
      for (let s = 3; s < 6; s++) {
        setGrad(whole, normal([50], 10 + s).data);
        setGrad(resumed, normal([50], 10 + s).data);
        first.step();
        after.step();
      }
      expect(await resumed.data()).toEqual(await whole.data());
    }
  });

  test("a parameter without a gradient stays, and its steps are not counted", async () => {
    const [a, b] = [leafOf([1], [1], device("baseline")), leafOf([1], [1], device("baseline"))];
    const optimizer = new AdamW([a, b], { weightDecay: 0 });
    setGrad(a, [1]);
    optimizer.step();
    setGrad(b, [5]);
    optimizer.step();
    expect((await b.data())[0]).toBeCloseTo(1 - 1e-3, 6); // its first step moves by the learning rate
    expect(optimizer.stateDict().state.map((s) => s!.step)).toEqual([2, 1]);
  });

  test("a tensor that asks for no gradients is refused, alone or beside one that does", () => {
    const [w, b] = [leafOf([1, 2], [2], device("baseline")), Tensor.zeros([3], { device: device("baseline") })];
    const message = "asks for no gradients, so no step would move it. Make it with requiresGrad: true; leave out what";
    expect(() => new AdamW([b])).toThrow(`[AdamW] parameter 0 [3] ${message}`);
    expect(() => new StableAdamW([{ parameters: [w, b] }])).toThrow(`[StableAdamW] parameter 1 [3] ${message}`);
    b.requiresGrad = true;
    new AdamW([w, b]);
  });

  test("an option of another name is refused, and the one that was meant is named", () => {
    const w = leafOf([1, 2], [2], device("baseline"));
    const make = (options: object) => () => new AdamW([w], options);
    expect(make({ weight_decay: 1 })).toThrow("[AdamW] there is no option weight_decay. The nearest is weightDecay.");
    expect(make({ lr: 1 })).toThrow("[AdamW] there is no option lr. There are learningRate, weightDecay, betas, eps.");
    expect(() => new StableAdamW([w], { maxLearningrate: 1 } as object)).toThrow("The nearest is maxLearningRate.");
    expect(() => new AdamW([{ parameters: [w], learningrate: 1 } as never])).toThrow(
      "[AdamW] a group has no option learningrate. The nearest is learningRate.",
    );
  });

  test("decoupled decay at rate 0 is no step: in a warm-up, and where the peak itself is 0", async () => {
    for (const on of levels.map(device)) {
      const leaf = leafOf([1, -2], [2], on);
      setGrad(leaf, [1, 1]);
      const warming = new StableAdamW([leaf], { learningRate: 1e-3, weightDecay: 1e-5, decoupleLearningRate: true });
      warming.scaledStep(0);
      warming.step(0);
      expect([...(await leaf.data())]).toEqual([1, -2]);
      const idle = new StableAdamW([leaf], { learningRate: 0, weightDecay: 1e-5, decoupleLearningRate: true });
      idle.step();
      idle.scaledStep(1);
      expect([...(await leaf.data())]).toEqual([1, -2]);
      expect(() => idle.step(1e-3)).toThrow(
        "[StableAdamW] decoupleLearningRate is relative to learningRate 0, but a rate is 0.001. Set maxLearningRate",
      );
    }
  });

  test("decoupled decay relative to nothing is refused where a group has a rate", () => {
    const leaf = leafOf([1], [1], device("baseline"));
    const options = { learningRate: 0, decoupleLearningRate: true };
    expect(() => new StableAdamW([{ parameters: [leaf], learningRate: 0.1 }], options)).toThrow("but a rate is 0.1");
    expect(() => new StableAdamW([leaf], { ...options, maxLearningRate: 0 })).toThrow("maxLearningRate is 0");
    new StableAdamW([{ parameters: [leaf], learningRate: 0.1 }], { ...options, maxLearningRate: 0.1 });
  });

  test("a parameter in two groups is refused", () => {
    const a = leafOf([1], [1], device("baseline"));
    expect(() => new AdamW([{ parameters: [a] }, { parameters: [a] }])).toThrow("[AdamW] a parameter appears twice");
  });

  test("a bfloat16 parameter is refused", () => {
    const half = parameter(Tensor.zeros([2], { dtype: "bfloat16" }));
    expect(() => new AdamW([half])).toThrow("[AdamW] a parameter [2] is bfloat16, but float32 is needed");
  });
});
