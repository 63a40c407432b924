import {
  BertModel,
  LlamaForCausalLM,
  ModernBertDecoderForCausalLM,
  ModernBertForMaskedLM,
  ModernBertForSequenceClassification,
  ModernBertModel,
  type PreTrainedModel,
  Tensor,
} from "@ettin/core";
import { describe, expect, test } from "vitest";
import { device, levels } from "../../support/devices.ts";
import { keyOf, philox } from "../../support/philox.ts";

const shape = { vocabSize: 500, hiddenSize: 64, intermediateSize: 96, numHiddenLayers: 8, numAttentionHeads: 2 };

const values = async (model: PreTrainedModel, name: string): Promise<number[]> => {
  const tensor = model.namedParameters.get(name);
  if (!tensor) throw new Error(`there is no ${name} among ${[...model.namedParameters.keys()].join(", ")}`);
  return Array.from(await tensor.data());
};
const spread = (x: readonly number[]) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length);
const most = (x: readonly number[]) => x.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);

/** P(Z > z), by Simpson's rule. */
function above(z: number): number {
  const [from, to, n] = [z, 12, 2000];
  const f = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  const h = (to - from) / n;
  let sum = f(from) + f(to);
  for (let i = 1; i < n; i++) sum += (i % 2 ? 4 : 2) * f(from + i * h);
  return (sum * h) / 3;
}

describe.each(levels)("random_normal on %s", (level) => {
  const draw = async (count: number, bound: number, threads = 2) => {
    const y = Tensor.empty([count], { device: device(level, threads) });
    y.backend.randomNormal(y, 3, Number.isFinite(bound) ? above(bound) : 0, Math.min(bound, 10), 7, 9);
    const data = (await y.data()) as Float32Array;
    y.dispose();
    return data;
  };

  test.each([2, Number.POSITIVE_INFINITY])("element i is the quantile of its own word, cut at %d", async (bound) => {
    const [count, key] = [1001, keyOf(7, 9)];
    const y = await draw(count, bound);
    const outside = Number.isFinite(bound) ? above(bound) : 0;
    for (let i = 0; i < count; i += 7) {
      const word = philox([i >> 2, 0, 0, 0], key)[i % 4]!;
      const mass = outside + (((word >>> 1) + 0.5) / 2 ** 31) * (0.5 - outside);
      expect(Math.sign(y[i]!)).toBe(word % 2 ? -1 : 1);
      expect(above(Math.abs(y[i]!) / 3)).toBeCloseTo(mass, 6);
    }
  });

  test("the same bits with any number of threads, and in a shorter tensor", async () => {
    const whole = await draw(100_003, 2, 1);
    expect(await draw(100_003, 2, 3)).toEqual(whole);
    expect(await draw(33, 2)).toEqual(whole.subarray(0, 33));
  });

  test("mean, spread and kurtosis are those of the distribution", async () => {
    const x = Array.from(await draw(400_000, Number.POSITIVE_INFINITY), (value) => value / 3);
    const moment = (k: number) => x.reduce((sum, value) => sum + value ** k, 0) / x.length;
    expect(Math.abs(moment(1))).toBeLessThan(0.006); // 4 / sqrt(400,000)
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.009); // 4 sqrt(2 / 400,000)
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.07); // 4 sqrt(96 / 400,000)
    expect(most(x)).toBeGreaterThan(4);
    expect(most(x)).toBeLessThan(7);
  });
});

describe("the training recipe", () => {
  /** The spread that is left of 1 after truncation at two of them: sqrt(1 - 4 phi(2) / (1 - 2 Phi(-2))). */
  const cut = 0.8796;

  test.each([
    ["an encoder", ModernBertForMaskedLM, "head"],
    ["a decoder", ModernBertDecoderForCausalLM, "lm_head"],
  ])("%s", async (_, Model, head) => {
    const model = Model.fromConfig(shape, { seed: 5 });
    const [into, outOf] = [0.02, 0.02 / Math.sqrt(2 * 8)];
    for (const [name, std] of [
      ["model.embeddings.tok_embeddings.weight", into],
      ["model.layers.3.attn.Wqkv.weight", into],
      ["model.layers.3.mlp.Wi.weight", into],
      ["model.layers.3.attn.Wo.weight", outOf],
      ["model.layers.3.mlp.Wo.weight", outOf],
      [`${head}.dense.weight`, into],
    ] as const) {
      const x = await values(model, name);
      expect(spread(x) / std, name).toBeCloseTo(cut, 1);
      expect(most(x), name).toBeLessThanOrEqual(2 * std * (1 + 1e-6));
      expect(most(x), name).toBeGreaterThan(1.9 * std);
    }
    expect(new Set(await values(model, "model.layers.3.mlp_norm.weight"))).toEqual(new Set([1]));
    expect(new Set(await values(model, "decoder.bias"))).toEqual(new Set([0]));
    expect([...model.namedParameters.keys()]).not.toContain("model.layers.0.attn_norm.weight");
    model.dispose();
  });

  test("a classifier's weights have the spread 1 / sqrt(dim)", async () => {
    const config = { ...shape, id2label: Array.from({ length: 200 }, (_, i) => `l${i}`) };
    const model = ModernBertForSequenceClassification.fromConfig(config);
    expect(spread(await values(model, "classifier.weight")) * 8).toBeCloseTo(cut, 1);
    model.dispose();
  });

  test("BERT and Llama are not cut off, and their padding rows are zero", async () => {
    const bert = BertModel.fromConfig({ ...shape, initializerRange: 0.05 });
    const table = await values(bert, "embeddings.word_embeddings.weight");
    expect(table.slice(0, 64)).toEqual(Array(64).fill(0));
    expect(spread(table.slice(64)) / 0.05).toBeCloseTo(1, 1);
    expect(most(table)).toBeGreaterThan(3 * 0.05);
    const llama = LlamaForCausalLM.fromConfig({ ...shape, padTokenId: 3 });
    const rows = await values(llama, "model.embed_tokens.weight");
    expect(rows.slice(3 * 64, 4 * 64)).toEqual(Array(64).fill(0));
    expect(rows[0]).not.toBe(0);
    bert.dispose();
    llama.dispose();
  });
});

test("the same seed draws the same weights; names and seeds draw different ones", async () => {
  const make = (seed: number) => ModernBertForMaskedLM.fromConfig(shape, { seed });
  const [a, b, c] = [make(1), make(1), make(2)];
  const name = "model.layers.1.attn.Wqkv.weight";
  expect(await values(a, name)).toEqual(await values(b, name));
  expect(await values(a, name)).not.toEqual(await values(c, name));
  expect(await values(a, name)).not.toEqual(await values(a, "model.layers.2.attn.Wqkv.weight"));
  for (const model of [a, b, c]) model.dispose();
});

test("a base model draws the same alone and under a head, and a decoder the same as an encoder", async () => {
  const base = ModernBertModel.fromConfig(shape, { seed: 1 });
  const headed = ModernBertForMaskedLM.fromConfig(shape, { seed: 1 });
  const decoder = ModernBertDecoderForCausalLM.fromConfig(shape, { seed: 1 });
  for (const name of base.namedParameters.keys()) {
    const alone = await values(base, name);
    expect(await values(headed.model, name)).toEqual(alone);
    expect(await values(decoder.model, name)).toEqual(alone);
  }
  for (const model of [base, headed, decoder]) model.dispose();
});

test("bfloat16 weights are the float32 ones, rounded", async () => {
  const [full, half] = (["float32", "bfloat16"] as const).map((dtype) =>
    ModernBertModel.fromConfig(shape, { seed: 1, dtype }),
  ) as [ModernBertModel, ModernBertModel];
  const [x, y] = [await values(full, "layers.1.mlp.Wi.weight"), await values(half, "layers.1.mlp.Wi.weight")];
  expect(half.computeDtype).toBe("bfloat16");
  const apart = y.map((value, i) => Math.abs(value - x[i]!) / Math.abs(x[i]!));
  expect(most(apart)).toBeLessThanOrEqual(2 ** -8);
  full.dispose();
  half.dispose();
});
