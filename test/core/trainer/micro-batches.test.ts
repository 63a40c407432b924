import {
  encodeInPieces,
  type LossPass,
  l2Normalize,
  linearCrossEntropy,
  ModernBertModel,
  memoryStats,
  packTokens,
  segmentMean,
  sequenceRanges,
  synchronize,
  Tensor,
  tensorScope,
} from "@ettin/core";
import { describe, expect, test } from "vitest";
import { expectClose } from "../../support/check-op.ts";
import { NextTokenLoss, newModel, newTrainer, rowsOf, shape, texts } from "./language.ts";

const draw = { seed: 5, step: 3, rates: { embedding: 0.1, attentionOutput: 0.2, mlp: 0.1 } };

test("sequences are taken in order as long as they fit; a longer one goes alone", () => {
  expect(sequenceRanges([0, 3, 6, 16, 18, 20], 6)).toEqual([
    [0, 2],
    [2, 3],
    [3, 5],
  ]);
  expect(sequenceRanges([0], 6)).toEqual([]);
  expect(sequenceRanges([0, 3, 6, 16, 18, 20], 100, 2)).toEqual([
    [0, 2],
    [2, 4],
    [4, 5],
  ]);
  expect(sequenceRanges([0, 3, 6, 16, 18, 20], 6, 1)).toHaveLength(5); // where both limits are given, both hold
  expect(() => sequenceRanges([0, 3], 6, 0)).toThrow("[sequenceRanges] maxSequences is 0");
});

describe("a loss that is a mean over targets", () => {
  test("has the whole batch's gradient from its pieces, dropout included", async () => {
    const gradients = async (maxTokensPerMicroBatch: number | null) => {
      const model = newModel();
      const loss = new NextTokenLoss(model);
      const trainer = newTrainer(
        {
          maxSteps: 1,
          maxTokensPerMicroBatch,
          perDeviceTrainBatchSize: 12,
          gradientAccumulationSteps: 2,
          maxGradNorm: 0,
          adamBeta1: 0, // the running mean is then the gradient itself
        },
        { model, loss },
      );
      const means: Promise<ArrayLike<number>>[] = [];
      let total = 0;
      for await (const step of trainer.steps()) {
        total = step.loss;
        means.push(...trainer.optimizer!.stateDict().state.map((of) => of!.first.data()));
      }
      model.dispose();
      return { seen: loss.seen, total, gradients: await Promise.all(means) };
    };
    const whole = await gradients(null);
    const pieces = await gradients(30);
    expect(whole.seen).toHaveLength(2);
    expect(pieces.seen.length).toBeGreaterThan(6);
    expect(Math.max(...pieces.seen)).toBeLessThanOrEqual(30);
    expect(pieces.total).toBeCloseTo(whole.total, 5);
    for (const [i, expected] of whole.gradients.entries()) {
      expectClose(pieces.gradients[i]!, expected, 2e-5, `parameter ${i}`);
    }
  });
});

describe("a loss that compares its rows", () => {
  const batch = packTokens(texts(16).map(({ ids }) => ids));

  /** In-batch negatives: the first half's texts find those of the second. */
  function loss(model: ModernBertModel, pass: LossPass, seen: number[] = []): Tensor {
    return tensorScope(() => {
      const vectors = encodeInPieces(
        batch,
        (piece, options) => {
          seen.push(piece.tokens.length);
          return l2Normalize(segmentMean(model.forward(piece, options), Tensor.from(piece.offsets)));
        },
        pass,
      );
      const [anchors, documents] = [vectors.slice(0, 8), vectors.slice(8, 16)];
      return linearCrossEntropy(anchors.mul(20), documents, {
        targets: Tensor.from(Int32Array.from({ length: 8 }, (_, i) => i)),
      });
    });
  }

  test.each([
    ["without dropout", {}],
    ["with dropout", { dropout: draw }],
  ])("has the whole batch's gradient from texts encoded in pieces, %s", async (_, pass) => {
    const model = ModernBertModel.fromConfig(shape, { seed: 2 });
    const gradients = async (limit: LossPass) => {
      const seen: number[] = [];
      const value = tensorScope(() => {
        const y = loss(model, { ...pass, ...limit }, seen);
        const read = y.item();
        y.backward();
        return { read };
      }).read;
      const reads = model.parameters().map((p) => p.grad!.data() as Promise<Float32Array>);
      for (const p of model.parameters()) p.zeroGrad();
      return { value: await value, gradients: await Promise.all(reads), seen };
    };
    const whole = await gradients({});
    const pieces = await gradients({ maxTokensPerMicroBatch: 40 });
    expect(whole.seen).toHaveLength(1);
    expect(pieces.seen.length).toBeGreaterThan(6); // each piece twice
    expect(Math.max(...pieces.seen)).toBeLessThanOrEqual(40);
    expect(pieces.value).toBeCloseTo(whole.value, 5);
    for (const [i, expected] of whole.gradients.entries()) {
      expectClose(pieces.gradients[i]!, expected, 2e-5, `parameter ${i}`);
    }
    model.dispose();
  });

  test("holds one piece's activations at a time", async () => {
    const model = ModernBertModel.fromConfig({ ...shape, hiddenSize: 64, intermediateSize: 128 }, { seed: 2 });
    const peak = async (pass: LossPass) => {
      await synchronize();
      const before = memoryStats().current;
      let most = 0;
      tensorScope(() => {
        const y = loss(model, pass);
        most = memoryStats().current - before;
        y.backward();
      });
      for (const p of model.parameters()) p.zeroGrad();
      return most;
    };
    const whole = await peak({});
    const pieces = await peak({ maxTokensPerMicroBatch: 40 });
    expect(pieces).toBeLessThan(whole / 5); // only the embeddings are kept
    model.dispose();
  });
});

test("an evaluation in pieces gives the whole batch's loss", async () => {
  const evaluate = async (maxTokensPerMicroBatch: number | null) => {
    const trainer = newTrainer(
      { maxTokensPerMicroBatch, perDeviceEvalBatchSize: 10 },
      { evalDataset: rowsOf(texts(24, 3)) },
    );
    const { eval_loss } = await trainer.evaluate();
    trainer.model.dispose();
    return eval_loss!;
  };
  expect(await evaluate(20)).toBeCloseTo(await evaluate(null), 5);
});
