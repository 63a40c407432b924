/** Loss curves of 200 steps beside PyTorch's: scripts/reference/pretrain_curves.py. */
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type LanguageModel,
  ModernBertDecoderForCausalLM,
  ModernBertForMaskedLM,
  parameterGroups,
  StableAdamW,
  saveWeights,
  tensorScope,
  warmupStableDecaySchedule,
} from "@ettin/core";
import { LanguageModelingLoss, type Objective, objectiveCollator, type TokenIds } from "@ettin/pretrain";
import { describe, expect, test } from "vitest";
import { uniformGenerator } from "../../packages/core/src/tensor/random.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ROOT } from "../support/root.ts";

interface Fixture {
  tokens: TokenIds;
  spread: number;
  settings: {
    learningRate: number;
    betas: [number, number];
    eps: number;
    weightDecay: number;
    warmup: number;
    decay: number;
    floor: number;
  };
  order: number[][];
  rows: number[][];
  weights: Record<"encoder" | "decoder", Record<string, number[]>>;
  losses: Record<Objective, number[]>;
}

const FOLDER = join(ROOT, "test/fixtures/pretrain");
const fixture: Fixture = JSON.parse(readFileSync(join(FOLDER, "curves.json"), "utf8"));
const folder = temporaryFolder();

/** The reference's configuration, with its initial weights: norms 1, all else uniform. */
async function initialModel(objective: Objective): Promise<LanguageModel> {
  const kind = objective === "clm" ? "decoder" : "encoder";
  const weights = Object.entries(fixture.weights[kind]).map(([name, shape], i) => {
    const uniform = uniformGenerator(i + 1);
    const draw = name.includes("norm") ? () => 1 : () => (2 * uniform() - 1) * fixture.spread;
    const values = Float32Array.from({ length: shape.reduce((size, n) => size * n, 1) }, draw);
    return { name, dtype: "F32" as const, shape, read: async () => new Uint8Array(values.buffer) };
  });
  await saveWeights(join(folder, objective), weights);
  copyFileSync(join(FOLDER, kind, "config.json"), join(folder, objective, "config.json"));
  const Model = objective === "clm" ? ModernBertDecoderForCausalLM : ModernBertForMaskedLM;
  return Model.fromPretrained(join(folder, objective));
}

interface Way {
  /** Batches of a step. */
  batches: number;
  maxTokens: number;
}

/** The losses of all steps. */
async function curve(objective: Objective, { batches, maxTokens }: Way): Promise<number[]> {
  const { learningRate, betas, eps, weightDecay, ...times } = fixture.settings;
  const model = await initialModel(objective);
  expect(model.loadReport).toMatchObject({ missing: [], unexpected: [] });
  const loss = new LanguageModelingLoss(model);
  const masks = join(FOLDER, `${objective}.jsonl`);
  const collate = objectiveCollator(objective, { tokenizer: fixture.tokens, ...(objective !== "clm" && { masks }) });
  const groups = parameterGroups(model.entries(), { weightDecay });
  const optimizer = new StableAdamW(groups, { learningRate, betas, eps, decoupleLearningRate: true });
  const schedule = warmupStableDecaySchedule({ ...times, total: fixture.order.length });

  const found: number[] = [];
  for (const [step, order] of fixture.order.entries()) {
    const size = order.length / batches;
    const parts = await Promise.all(
      Array.from({ length: batches }, (_, i) => {
        const rows = order.slice(i * size, (i + 1) * size).map((row) => ({ input_ids: fixture.rows[row]! }));
        return collate(rows, { seed: 0, epoch: 0, step, firstSequence: i * size });
      }),
    );
    const targets = parts.reduce((sum, batch) => sum + loss.weight(batch), 0);
    const losses = tensorScope(() => {
      const pieces = parts.flatMap((batch) =>
        loss
          .split(batch, maxTokens)
          .map((piece) => ({ ...piece, share: (piece.share * loss.weight(batch)) / targets })),
      );
      const each = pieces
        .filter(({ share }) => share > 0)
        .map(({ batch, share }) => {
          const part = loss.forward(batch).mul(share);
          part.backward();
          return part.item();
        });
      optimizer.step(learningRate * schedule(step));
      optimizer.zeroGrad();
      return each;
    });
    found.push((await Promise.all(losses)).reduce((sum, part) => sum + part, 0));
  }
  optimizer.dispose();
  model.dispose();
  return found;
}

/** The largest relative difference of two curves. */
const deviation = (found: number[], expected: number[]): number =>
  Math.max(...expected.map((value, step) => Math.abs(found[step]! - value) / value));

describe.each(["mlm", "clm", "mntp"] as const)("200 steps of %s", (objective) => {
  const expected = fixture.losses[objective];

  test("have PyTorch's loss at every step", async () => {
    expect(expected[199]!).toBeLessThan(0.9 * expected[0]!); // it does learn
    const found = await curve(objective, { batches: 1, maxTokens: 1e9 });
    expect(found.length).toBe(200);
    expect(deviation(found, expected)).toBeLessThan(1e-3);
  });

  test("have the same losses as two batches a step, and in micro-batches of 60 tokens", async () => {
    const found = await curve(objective, { batches: 2, maxTokens: 60 });
    expect(deviation(found, expected)).toBeLessThan(1e-3);
  });
});
