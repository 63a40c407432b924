import {
  ModernBertDecoderForCausalLM,
  ModernBertForMaskedLM,
  memoryStats,
  nextTokens,
  noGrad,
  packTokens,
  synchronize,
  tensorScope,
} from "@ettin/core";
import { describe, expect, test } from "vitest";
import { read } from "../../support/read.ts";

const shape = {
  vocabSize: 97,
  hiddenSize: 32,
  intermediateSize: 48,
  numHiddenLayers: 4,
  numAttentionHeads: 2,
  localAttention: 8,
  maxPositionEmbeddings: 64,
  padTokenId: 0,
};

type Model = ModernBertForMaskedLM | ModernBertDecoderForCausalLM;

const ids = (length: number, start: number) =>
  Array.from({ length }, (_, i) => (start * 7919 + i * i * 31 + i * 17) % shape.vocabSize);

describe.each([
  ["an encoder", ModernBertForMaskedLM],
  ["a decoder", ModernBertDecoderForCausalLM],
])("%s on packed batches", (_, Class) => {
  const make = (changes = {}): Model => Class.fromConfig({ ...shape, ...changes }, { seed: 3 });
  const logits = (model: Model, sequences: number[][], rows?: number[]) =>
    read(() => noGrad(() => model.forward(packTokens(sequences), rows ? { rows: Int32Array.from(rows) } : {})));

  test("a text has the same logits alone and in any batch, to the bit", async () => {
    const model = make();
    const texts = [ids(33, 1), ids(1, 2), ids(20, 3), ids(64, 4)];
    const together = await logits(model, texts);
    let row = 0;
    for (const text of texts) {
      const alone = await logits(model, [text]);
      expect(together.subarray(row * 97, (row + text.length) * 97)).toEqual(alone);
      row += text.length;
    }
    model.dispose();
  });

  test("only the rows asked for are scored", async () => {
    const model = make();
    const texts = [ids(9, 1), ids(12, 2)];
    const all = await logits(model, texts);
    const some = await logits(model, texts, [20, 3]);
    expect(some.length).toBe(2 * 97);
    expect(some.subarray(0, 97)).toEqual(all.subarray(20 * 97, 21 * 97));
    expect(some.subarray(97)).toEqual(all.subarray(3 * 97, 4 * 97));
    model.dispose();
  });

  test("gradient checkpointing gives the same loss and the same gradients, with dropout", async () => {
    const model = make();
    const batch = packTokens([ids(30, 1), ids(21, 2)]);
    const dropout = { seed: 1, step: 2, rates: { embedding: 0.1, attention: 0.1, attentionOutput: 0.1, mlp: 0.1 } };
    const run = async (on: boolean) => {
      model.gradientCheckpointing = on;
      const loss = read(() => {
        const loss = model.loss(batch, nextTokens(batch), { dropout });
        loss.backward();
        return loss;
      });
      const gradients = await Promise.all(model.parameters().map((p) => p.grad!.data()));
      for (const p of model.parameters()) p.zeroGrad();
      return { loss: await loss, gradients };
    };
    const [plain, checkpointed] = [await run(false), await run(true)];
    expect(checkpointed.loss).toEqual(plain.loss);
    checkpointed.gradients.forEach((gradient, i) => {
      const expected = plain.gradients[i]!;
      const apart = Math.hypot(...Array.from(gradient, (g, j) => g - expected[j]!));
      expect(apart).toBeLessThanOrEqual(1e-6 * Math.hypot(...expected));
    });
    model.dispose();
  });

  test("inference holds one block's activations, whatever the depth", async () => {
    const peakOf = async (numHiddenLayers: number) => {
      const model = make({ numHiddenLayers, maxPositionEmbeddings: 4096 });
      const before = memoryStats().current;
      await logits(model, [ids(2048, 1)], [0]);
      await synchronize();
      model.dispose();
      return memoryStats().peak - before;
    };
    const shallow = await peakOf(2);
    expect(await peakOf(12)).toBeLessThanOrEqual(1.1 * shallow);
  });

  test("hidden states are the embedding, each layer's output and the last after the final norm", async () => {
    const model = make();
    const batch = packTokens([ids(12, 1), ids(3, 2)]);
    const states = tensorScope(() => noGrad(() => model.model.hiddenStates(batch)).map((state) => state.data()));
    expect(states.length).toBe(5);
    expect(await states[4]).toEqual(await read(() => noGrad(() => model.model.forward(batch))));
    model.dispose();
  });
});
