/** Loss curves of 100 fine-tuning steps beside Sentence Transformers': scripts/reference/dense_curves.py. */
import { copyFileSync, cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Dataset, saveWeights, type TrainingArguments } from "@ettin/core";
import {
  CoSENTLoss,
  EmbeddingSimilarityEvaluator,
  InformationRetrievalEvaluator,
  MultipleNegativesRankingLoss,
  SentenceTransformer,
  SentenceTransformerTrainer,
  TripletEvaluator,
} from "@ettin/dense";
import { describe, expect, test } from "vitest";
import { uniformGenerator } from "../../packages/core/src/tensor/random.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ROOT } from "../support/root.ts";

interface Row {
  anchor: string;
  positive: string;
  negative: string;
  score: number;
}
type Metrics = Record<string, number>;
interface Measured {
  metrics: Record<"triplet" | "ir" | "similarity", Metrics>;
  embeddings: number[][];
}
interface Fixture {
  settings: { learningRate: number; weightDecay: number; warmupSteps: number };
  spread: number;
  maxSeqLength: number;
  weights: Record<string, number[]>;
  rows: Row[];
  runs: Record<Kind, { losses: number[]; before: Measured; after: Measured }>;
}
type Kind = "triplets" | "pairs";

const FIXTURES = join(ROOT, "test/fixtures/dense/curves");
const fixture: Fixture = JSON.parse(readFileSync(join(FIXTURES, "curves.json"), "utf8"));
const { rows } = fixture;
const folder = temporaryFolder();

/** The reference's encoder with its initial weights: norms 1, all else uniform. */
async function initialModel(): Promise<SentenceTransformer> {
  const weights = Object.entries(fixture.weights).map(([name, shape], i) => {
    const uniform = uniformGenerator(i + 1);
    const draw = name.includes("norm") ? () => 1 : () => (2 * uniform() - 1) * fixture.spread;
    const values = Float32Array.from({ length: shape.reduce((size, n) => size * n, 1) }, draw);
    return { name, dtype: "F32" as const, shape, read: async () => new Uint8Array(values.buffer) };
  });
  await saveWeights(folder, weights);
  cpSync(join(ROOT, "examples/tokenizer"), folder, { recursive: true });
  copyFileSync(join(FIXTURES, "config.json"), join(folder, "config.json"));
  const model = await SentenceTransformer.fromPretrained(folder);
  model.maxSeqLength = fixture.maxSeqLength;
  return model;
}

const column = (name: "anchor" | "positive" | "negative"): string[] => rows.map((row) => row[name]);
const byNumber = <T>(values: readonly T[]): Record<string, T> =>
  Object.fromEntries(values.map((value, i) => [i, value]));

async function measure(model: SentenceTransformer): Promise<Measured> {
  const triplet = new TripletEvaluator({
    anchors: column("anchor"),
    positives: column("positive"),
    negatives: column("negative"),
  });
  const ir = new InformationRetrievalEvaluator({
    queries: byNumber(column("anchor")),
    corpus: byNumber(column("positive")),
    relevantDocs: byNumber(rows.map((_, i) => new Set([String(i)]))),
  });
  const similarity = new EmbeddingSimilarityEvaluator({
    sentences1: column("anchor"),
    sentences2: column("positive"),
    scores: rows.map(({ score }) => score),
  });
  const texts = [rows[0]!.anchor, rows[1]!.positive, rows[2]!.negative];
  return {
    metrics: {
      triplet: await triplet.evaluate(model),
      ir: await ir.evaluate(model),
      similarity: await similarity.evaluate(model),
    },
    embeddings: (await model.encode(texts)).map((row) => [...row]),
  };
}

function expectMetrics(found: Measured, expected: Measured): void {
  for (const [name, metrics] of Object.entries(expected.metrics)) {
    const ours = found.metrics[name as keyof Measured["metrics"]];
    expect(Object.keys(ours).sort()).toEqual(Object.keys(metrics).sort());
    for (const [metric, value] of Object.entries(metrics)) {
      expect(Math.abs(ours[metric]! - value), `${name} ${metric}`).toBeLessThan(1e-4);
    }
  }
}

async function curve(kind: Kind, steps: number, way: Partial<TrainingArguments> = {}) {
  const model = await initialModel();
  const before = steps === 100 ? await measure(model) : null;
  const names = (
    kind === "triplets" ? ["anchor", "positive", "negative"] : ["anchor", "positive", "score"]
  ) as (keyof Row)[];
  const trainer = new SentenceTransformerTrainer({
    model,
    trainDataset: Dataset.fromRows(rows.map((row) => ({ ...row }))).selectColumns(names),
    loss: kind === "triplets" ? new MultipleNegativesRankingLoss(model) : new CoSENTLoss(model),
    args: {
      ...fixture.settings,
      outputDir: join(folder, "run"),
      order: join(FIXTURES, "order.json"),
      perDeviceTrainBatchSize: 8,
      maxSteps: 100,
      report: [],
      ...way,
    },
  });
  const losses: number[] = [];
  for await (const { loss } of trainer.steps()) if (losses.push(loss) === steps) break;
  const after = steps === 100 ? await measure(model) : null;
  model.dispose();
  return { losses, before, after };
}

/** The largest relative difference of two curves, of the first where they differ in length. */
const deviation = (found: readonly number[], expected: readonly number[]): number =>
  Math.max(...found.map((loss, step) => Math.abs(loss - expected[step]!) / Math.max(1e-2, expected[step]!)));

// Measured: losses 5.0e-5 and 1.1e-6, metrics 5e-7, embeddings 1.2e-7 before and 4e-6 after.
describe.each(["triplets", "pairs"] as const)("fine-tuning on %s", (kind) => {
  const expected = fixture.runs[kind];
  let plain: Awaited<ReturnType<typeof curve>>;

  test("has the reference's loss at each of 100 steps", async () => {
    expect(expected.losses[99]!).toBeLessThan(0.5 * expected.losses[0]!); // it does learn
    plain = await curve(kind, 100);
    expect(plain.losses.length).toBe(100);
    expect(deviation(plain.losses, expected.losses)).toBeLessThan(1e-3);
  });

  test("has its metrics and embeddings, before and after", () => {
    expectMetrics(plain.before!, expected.before);
    expectMetrics(plain.after!, expected.after);
    for (const when of ["before", "after"] as const) {
      const differences = plain[when]!.embeddings.map((row, i) =>
        Math.max(...row.map((x, j) => Math.abs(x - expected[when].embeddings[i]![j]!))),
      );
      expect(Math.max(...differences)).toBeLessThan(when === "before" ? 1e-5 : 1e-4);
    }
  });

  test("has the same losses in pieces of 90 tokens", async () => {
    const { losses } = await curve(kind, 30, { maxTokensPerMicroBatch: 90 });
    expect(deviation(losses, plain.losses)).toBeLessThan(1e-4);
  });
});
