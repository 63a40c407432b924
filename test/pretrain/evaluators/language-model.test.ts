import {
  type LanguageModel,
  ModernBertDecoderForCausalLM,
  ModernBertForMaskedLM,
  memoryStats,
  noGrad,
  openCpu,
  packTokens,
  synchronize,
} from "@ettin/core";
import { evaluateLanguageModel, type Objective, objectiveCollator } from "@ettin/pretrain";
import { afterAll, describe, expect, test, vi } from "vitest";
import { read } from "../../support/read.ts";
import { BPE, open } from "../../support/tokenizers.ts";
import { tokenizer } from "../token-ids.ts";

const shape = {
  vocabSize: 64,
  hiddenSize: 32,
  intermediateSize: 48,
  numHiddenLayers: 2,
  numAttentionHeads: 1,
  maxPositionEmbeddings: 256,
  initializerRange: 0.3,
};
const rows = Array.from({ length: 30 }, (_, b) => ({
  input_ids: Array.from({ length: 1 + ((b * 13) % 40) }, (_, t) => 5 + ((b * 31 + t * 17) % 59)),
}));

const encoder = ModernBertForMaskedLM.fromConfig(shape, { seed: 1 });
const decoder = ModernBertDecoderForCausalLM.fromConfig(shape, { seed: 1 });
afterAll(() => {
  encoder.dispose();
  decoder.dispose();
});
for (const model of [encoder, decoder]) await read(() => model.forward(packTokens([[1]]))); // makes what a model keeps
const modelFor = (objective: Objective): LanguageModel => (objective === "clm" ? decoder : encoder);

describe.each(["mlm", "clm", "mntp"] as const)("evaluation of %s", (objective) => {
  const model = modelFor(objective);

  test("is the mean over all targets, however the rows are batched", async () => {
    const batch = await objectiveCollator(objective, { tokenizer, probability: 0.15 })(rows, {
      seed: 7,
      epoch: 0,
      step: 0,
      firstSequence: 0,
    });
    const scores = await read(() => noGrad(() => model.forward(batch)));
    let [lossSum, correct] = [0, 0];
    batch.targets.rows.forEach((row, i) => {
      const of = Array.from(scores.subarray(row * 64, row * 64 + 64));
      const target = of[batch.targets.ids[i]!]!;
      lossSum += Math.log(of.reduce((sum, s) => sum + Math.exp(s), 0)) - target;
      if (target === Math.max(...of)) correct++;
    });
    const targets = batch.targets.rows.length;
    for (const tokensPerBatch of [1, 100, 1e6]) {
      const found = await evaluateLanguageModel(model, rows, { objective, tokenizer, seed: 7, tokensPerBatch });
      expect(found.loss).toBeCloseTo(lossSum / targets, 4);
      expect(found.accuracy).toBe(correct / targets);
      expect(found.perplexity).toBe(Math.exp(found.loss));
      expect(found).toMatchObject({ targets, tokens: batch.tokenCount, sequences: 30 });
    }
  });

  test("sees at most so many sequences at once", async () => {
    const forward = vi.spyOn(model.model, "forward");
    const options = { objective, tokenizer, seed: 7 } as const;
    const { loss } = await evaluateLanguageModel(model, rows, { ...options, sequencesPerBatch: 8 });
    expect(forward.mock.calls.map(([batch]) => batch.offsets.length - 1)).toEqual([8, 8, 8, 6]);
    forward.mockRestore();
    expect(loss).toBeCloseTo((await evaluateLanguageModel(model, rows, options)).loss, 5);
    await expect(evaluateLanguageModel(model, rows, { ...options, sequencesPerBatch: 0 })).rejects.toThrow(
      "sequencesPerBatch is 0",
    );
  });

  test("in mixed precision differs by rounding", async () => {
    const options = { objective, tokenizer } as const;
    const exact = await evaluateLanguageModel(model, rows, options);
    model.computeDtype = "bfloat16";
    const mixed = await evaluateLanguageModel(model, rows, options);
    model.computeDtype = "float32";
    expect(mixed.loss).not.toBe(exact.loss);
    expect(Math.abs(mixed.loss / exact.loss - 1)).toBeLessThan(0.01);
  });

  test("of rows without a target is an error", async () => {
    const empty = [{ input_ids: [1] }];
    await expect(evaluateLanguageModel(model, empty, { objective, tokenizer })).rejects.toThrow(
      "[evaluateLanguageModel] 1 sequences have no targets.",
    );
    await expect(evaluateLanguageModel(model, [], { objective, tokenizer })).rejects.toThrow("0 sequences");
  });
});

test("rows may be texts, read as they come", async () => {
  const own = await open(BPE);
  const model = ModernBertDecoderForCausalLM.fromConfig({ ...shape, vocabSize: own.vocabSize }, { seed: 1 });
  const texts = ["Once there was a giant.", "He had two heads."];
  const reading = async function* () {
    for (const text of texts) yield await Promise.resolve({ text });
  };
  const options = { objective: "clm", tokenizer: own } as const;
  const found = await evaluateLanguageModel(model, reading(), options);
  const ids = texts.map((text) => ({ input_ids: own.encode(text).ids }));
  expect(found).toEqual(await evaluateLanguageModel(model, ids, options));
  model.dispose();
});

test("a model that cannot learn the objective is refused", async () => {
  await expect(evaluateLanguageModel(decoder, rows, { objective: "mlm", tokenizer })).rejects.toThrow(
    '[evaluateLanguageModel] the objective is "mlm", but ModernBertDecoderForCausalLM sees only what came before.',
  );
});

test("the matrix of all scores is never in memory", async () => {
  const device = openCpu();
  const large = { ...shape, vocabSize: 50368, maxPositionEmbeddings: 4096 };
  const model = ModernBertDecoderForCausalLM.fromConfig(large, { seed: 1, device });
  await synchronize(device);
  const before = memoryStats(device).current;
  const row = { input_ids: Array.from({ length: 2000 }, (_, t) => 5 + t) };
  const ids = { ...tokenizer, vocabSize: 50368 };
  await evaluateLanguageModel(model, [row], { objective: "clm", tokenizer: ids, maxSeqLen: 4096 });
  // of 2,000 rows it would be 403 MB
  expect(memoryStats(device).peak - before).toBeLessThan(80e6);
  model.dispose();
});
