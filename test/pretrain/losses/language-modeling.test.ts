import {
  type LanguageModel,
  ModernBertDecoderForCausalLM,
  ModernBertForMaskedLM,
  packTokens,
  type Tensor,
  tensorScope,
} from "@ettin/core";
import {
  LanguageModelingLoss,
  type LanguageModelingOptions,
  type Objective,
  objectiveCollator,
  type TokenTask,
} from "@ettin/pretrain";
import { afterAll, describe, expect, test } from "vitest";
import { expectClose } from "../../support/check-op.ts";
import { read } from "../../support/read.ts";
import { tokenizer } from "../token-ids.ts";

const shape = {
  vocabSize: 64,
  hiddenSize: 32,
  intermediateSize: 48,
  numHiddenLayers: 3,
  numAttentionHeads: 2,
  maxPositionEmbeddings: 64,
  localAttention: 8,
  initializerRange: 0.2,
};
const at = { seed: 3, epoch: 0, step: 0, firstSequence: 0 };
const rows = [12, 30, 3, 17, 1, 25].map((length, b) => ({
  input_ids: Array.from({ length }, (_, t) => 5 + ((b * 31 + t * 17) % 59)),
}));

const encoder = ModernBertForMaskedLM.fromConfig(shape, { seed: 1 });
const decoder = ModernBertDecoderForCausalLM.fromConfig(shape, { seed: 1 });
afterAll(() => {
  encoder.dispose();
  decoder.dispose();
});
for (const model of [encoder, decoder]) await read(() => model.forward(packTokens([[1]]))); // makes what a model keeps
const modelFor = (objective: Objective): LanguageModel => (objective === "clm" ? decoder : encoder);
const batchFor = (objective: Objective, probability = 0.3): TokenTask | Promise<TokenTask> =>
  objectiveCollator(objective, { tokenizer, probability })(rows, at);

/** The gradients of all parameters, of a loss that `run` sends back. */
async function gradientsOf(model: LanguageModel, run: () => void): Promise<ArrayLike<number>[]> {
  tensorScope(run);
  const reading = model.parameters().map((parameter) => parameter.grad!.data());
  for (const parameter of model.parameters()) parameter.zeroGrad();
  return Promise.all(reading);
}

describe.each(["mlm", "clm", "mntp"] as const)("the loss of %s", (objective) => {
  const model = modelFor(objective);
  const loss = new LanguageModelingLoss(model);

  test("is the mean cross-entropy of the targets' scores", async () => {
    const batch = await batchFor(objective);
    const found = await read(() => loss.forward(batch) as Tensor);
    const scores = await read(() => model.forward(batch));
    const each = Array.from(batch.targets.rows, (row, i) => {
      const of = Array.from(scores.subarray(row * 64, row * 64 + 64));
      return Math.log(of.reduce((sum, s) => sum + Math.exp(s), 0)) - of[batch.targets.ids[i]!]!;
    });
    expect(found[0]).toBeCloseTo(each.reduce((sum, l) => sum + l, 0) / each.length, 4);
  });

  test("weighs a batch by its targets", async () => {
    const batch = await batchFor(objective);
    expect(loss.weight(batch)).toBe(batch.targets.ids.length);
  });

  test.each([1, 20, 50, 1000])(
    "in pieces of %d tokens has the whole batch's gradient, dropout included",
    async (most) => {
      const dropping = new LanguageModelingLoss(model, { dropout: { attentionOutput: 0.25 } });
      const dropout = { seed: 5, step: 2 };
      const batch = await batchFor(objective);
      const whole = await gradientsOf(model, () => dropping.forward(batch, { dropout }).backward());
      const pieces = dropping.split(batch, most);
      expect(pieces.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
      expect(pieces.reduce((sum, { sequences }) => sum + sequences, 0)).toBe(6);
      expect(pieces.flatMap((piece) => [...piece.batch.tokens])).toEqual([...batch.tokens]);
      expect(pieces.flatMap((piece) => [...piece.batch.targets.ids])).toEqual([...batch.targets.ids]);
      for (const { batch: piece } of pieces) {
        expect(piece.tokenCount <= most || piece.sequenceCount === 1).toBe(true);
      }

      const inPieces = await gradientsOf(model, () => {
        let firstSequence = 0;
        for (const { batch: piece, share, sequences } of pieces) {
          if (share > 0) {
            dropping
              .forward(piece, { dropout: { ...dropout, firstSequence } })
              .mul(share)
              .backward();
          }
          firstSequence += sequences;
        }
      });
      whole.forEach((gradient, i) => {
        expectClose(inPieces[i]!, gradient, 1e-5, `parameter ${i}`);
      });
    },
  );
});

test("a piece without targets has no share", async () => {
  const batch = await batchFor("clm");
  const [whole] = new LanguageModelingLoss(decoder).split(batch, 1000);
  expect(whole).toMatchObject({ share: 1, sequences: 6 });
  const only = { ...batch, targets: { rows: batch.targets.rows.slice(0, 5), ids: batch.targets.ids.slice(0, 5) } };
  const pieces = new LanguageModelingLoss(decoder).split(only, 40);
  expect(pieces.map(({ share }) => share)).toEqual([1, ...pieces.slice(1).map(() => 0)]);
});

test("the rates of dropout are the option's, and nothing is dropped outside of training", async () => {
  const batch = await batchFor("mlm");
  const value = async (options: LanguageModelingOptions, training: boolean) => {
    const loss = new LanguageModelingLoss(encoder, options);
    const [found] = await read(() => loss.forward(batch, training ? { dropout: { seed: 1, step: 1 } } : {}));
    return found!;
  };
  const plain = await value({}, false);
  expect(await value({}, true)).toBe(plain); // the configuration's rates are 0
  expect(await value({ dropout: { attentionOutput: 0.1 } }, false)).toBe(plain);
  const dropped = await value({ dropout: { attentionOutput: 0.1 } }, true);
  expect(dropped).not.toBe(plain);
  expect(Math.abs(dropped - plain)).toBeLessThan(1);
});

test("targets that a model cannot learn from are an error", async () => {
  const causal = await batchFor("clm");
  expect(() => new LanguageModelingLoss(encoder).forward(causal)).toThrow(
    '[LanguageModelingLoss] the objective is "clm", but ModernBertForMaskedLM sees what comes after.',
  );
  for (const objective of ["mlm", "mntp"] as const) {
    const batch = await batchFor(objective);
    expect(() => new LanguageModelingLoss(decoder).forward(batch)).toThrow(
      `the objective is "${objective}", but ModernBertDecoderForCausalLM sees only what came before.`,
    );
  }
});

test("a batch without targets weighs nothing, and has no mean", async () => {
  const batch = await causalOfOne();
  const loss = new LanguageModelingLoss(decoder);
  expect(loss.weight(batch)).toBe(0);
  expect(loss.split(batch, 10)).toMatchObject([{ share: 0, sequences: 1 }]);
  expect(() => loss.forward(batch)).toThrow("there are no targets");
});

const causalOfOne = () => objectiveCollator("clm", { tokenizer })([{ input_ids: [1] }], at);
