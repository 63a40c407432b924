/** Logits, losses and gradients of transformers' tiny checkpoints: scripts/reference/models.py. */
import * as core from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Case, checkpointFolder, checkpointNames, readCase, readExpected } from "../../support/checkpoint.ts";
import { read } from "../../support/read.ts";

type Model = core.LanguageModel | core.SequenceClassifier | core.TokenClassifier;
const classes = core as unknown as Record<string, { fromPretrained(folder: string, options?: object): Promise<Model> }>;

const load = (name: string, options = {}): Promise<Model> =>
  classes[readCase(name).class]!.fromPretrained(checkpointFolder(name), options);

function batchOf({ texts, types }: Pick<Case, "texts" | "types">): core.PackedTokens {
  const batch = core.packTokens(texts);
  return types ? { ...batch, tokenTypes: Int32Array.from(types.flat()) } : batch;
}

function lossOf(model: Model, { labels, rows, ids, ...texts }: Case): core.Tensor {
  const batch = batchOf(texts);
  if (model instanceof core.SequenceClassifier) return model.loss(batch, labels!);
  return model.loss(batch, { rows: Int32Array.from(rows!), ids: Int32Array.from(ids!) });
}

/** The case of each text alone, with its share of the targets, which are averaged. */
function alone(numbers: Case): { one: Case; share: number }[] {
  const { texts, types, labels, rows, ids } = numbers;
  let start = 0;
  return texts.map((text, b) => {
    const [from, to] = [start, start + text.length];
    start = to;
    const own = rows?.flatMap((row, i) => (row >= from && row < to ? [i] : []));
    const one = {
      ...numbers,
      texts: [text],
      ...(types && { types: [types[b]!] }),
      ...(labels && { labels: labels.slice(b, b + 1) as Case["labels"] }),
      ...(own && { rows: own.map((i) => rows![i]! - from), ids: own.map((i) => ids![i]!) }),
    } as Case;
    return { one, share: own ? own.length / rows!.length : 1 / texts.length };
  });
}

/** Gradients under the names of the file: fused parameters are taken apart. */
async function gradientsOf(model: Model): Promise<Map<string, Float32Array>> {
  const gradients = new Map<string, Float32Array>();
  for (const { name, tensor, parts } of model.entries()) {
    const whole = (await tensor.grad!.data()) as Float32Array;
    const width = whole.length / (tensor.shape[0] ?? 1);
    for (const part of parts ?? [{ name, start: 0, rows: tensor.shape[0] ?? 1 }]) {
      gradients.set(part.name, whole.subarray(part.start * width, (part.start + part.rows) * width));
    }
    tensor.zeroGrad();
  }
  return gradients;
}

const norm = (x: ArrayLike<number>): number => Math.hypot(...Array.from(x));
const largest = (x: ArrayLike<number>): number =>
  Array.from(x).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const apart = (x: ArrayLike<number>, y: ArrayLike<number>): number[] => Array.from(x, (value, i) => value - y[i]!);

describe.each(checkpointNames)("%s", (name) => {
  const numbers = readCase(name);
  const expected = readExpected(name);
  const logits = expected.get("logits")!;

  test("has the logits of transformers, packed", async () => {
    const model = await load(name);
    expect(model.loadReport).toEqual({ missing: [], unexpected: [], notices: [] });
    const ours = await read(() => core.noGrad(() => model.forward(batchOf(numbers))));
    expect(ours.length).toBe(logits.length);
    expect(largest(apart(ours, logits))).toBeLessThanOrEqual(2e-5 * largest(logits));
    model.dispose();
  });

  test("gives each text alone the same bits as in the batch", async () => {
    const model = await load(name);
    const together = await read(() => core.noGrad(() => model.forward(batchOf(numbers))));
    let done = 0;
    for (const [b, text] of numbers.texts.entries()) {
      const types = numbers.types && [numbers.types[b]!];
      const alone = await read(() =>
        core.noGrad(() => model.forward(batchOf({ texts: [text], ...(types && { types }) }))),
      );
      expect(alone).toEqual(together.slice(done, done + alone.length));
      done += alone.length;
    }
    expect(done).toBe(together.length);
    model.dispose();
  });

  test.each([
    ["packed", false, [{ one: numbers, share: 1 }]],
    ["packed, with gradient checkpointing", true, [{ one: numbers, share: 1 }]],
    ["one text at a time", false, alone(numbers)],
  ])("has the loss and gradients of transformers, %s", async (_, checkpointing, parts) => {
    const model = await load(name);
    model.gradientCheckpointing = checkpointing;
    let loss = 0;
    for (const { one, share } of parts.filter(({ share }) => share > 0)) {
      const part = await read(() => {
        const part = lossOf(model, one).mul(share);
        part.backward();
        return part;
      });
      loss += part[0]!;
    }
    const wanted = expected.get("loss")![0]!;
    expect(Math.abs(loss - wanted)).toBeLessThanOrEqual(1e-5 * Math.abs(wanted));
    const ours = await gradientsOf(model);
    const names = [...expected.keys()].filter((key) => key.startsWith("gradient.")).map((key) => key.slice(9));
    expect([...ours.keys()].sort()).toEqual(names.sort());
    const whole = norm([...ours.values()].map(norm));
    for (const [parameter, gradient] of ours) {
      const theirs = expected.get(`gradient.${parameter}`)!;
      expect(norm(apart(gradient, theirs)), parameter).toBeLessThanOrEqual(
        1e-4 * norm(theirs) + 1e-7 * whole, // a key's bias moves no score: its gradient is 0 but for rounding
      );
    }
    model.dispose();
  });

  test("with bfloat16 activations and float32 weights is as near, and keeps float32 gradients", async () => {
    const model = await load(name);
    model.computeDtype = "bfloat16";
    const ours = await read(() => core.noGrad(() => model.forward(batchOf(numbers)).to("float32")));
    const squares = apart(ours, logits).reduce((sum, error) => sum + error * error, 0);
    expect(Math.sqrt(squares / logits.length)).toBeLessThanOrEqual(numbers.bfloat16.logits);
    core.tensorScope(() => lossOf(model, numbers).backward());
    expect(new Set(model.parameters().map(({ grad }) => grad!.dtype))).toEqual(new Set(["float32"]));
    const gradients = await gradientsOf(model);
    const errors = [...gradients].map(([parameter, gradient]) =>
      norm(apart(gradient, expected.get(`gradient.${parameter}`)!)),
    );
    const whole = [...gradients.keys()].map((parameter) => norm(expected.get(`gradient.${parameter}`)!));
    expect(norm(errors) / norm(whole)).toBeLessThanOrEqual(1.05 * numbers.bfloat16.gradients);
    model.dispose();
  });

  test("in bfloat16 is no further from float32 than PyTorch is", async () => {
    const model = await load(name, { dtype: "bfloat16" });
    expect(model.computeDtype).toBe("bfloat16");
    const ours = await read(() => core.noGrad(() => model.forward(batchOf(numbers)).to("float32")));
    const squares = apart(ours, logits).reduce((sum, error) => sum + error * error, 0);
    expect(Math.sqrt(squares / logits.length)).toBeLessThanOrEqual(numbers.bfloat16.logits);
    core.tensorScope(() => lossOf(model, numbers).backward());
    const gradients = await gradientsOf(model);
    let [error, whole] = [0, 0];
    for (const [parameter, gradient] of gradients) {
      const theirs = expected.get(`gradient.${parameter}`)!;
      error += norm(apart(gradient, theirs)) ** 2;
      whole += norm(theirs) ** 2;
    }
    // A twentieth more: where rounded weights are most of the error, both have nearly the same.
    expect(Math.sqrt(error / whole)).toBeLessThanOrEqual(1.05 * numbers.bfloat16.gradients);
    model.dispose();
  });
});
