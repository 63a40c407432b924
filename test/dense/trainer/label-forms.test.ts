/** Forms of labels that losses document, through the trainer. */
import { Dataset } from "@ettin/core";
import { CoSENTLoss, DistillKLDivLoss, EmbedDistillLoss, type SentenceTransformer } from "@ettin/dense";
import { expect, test } from "vitest";
import { newModel, newTrainer, PAIRS } from "./tiny.ts";

const LOW = Number.NEGATIVE_INFINITY;

async function losses(
  model: SentenceTransformer,
  loss: Parameters<typeof newTrainer>[1]["loss"],
  rows: readonly Record<string, unknown>[],
): Promise<number[]> {
  const args = { maxSteps: 2, learningRate: 1e-9 };
  const found: number[] = [];
  const trainer = newTrainer(args, { model, loss: loss!, trainDataset: Dataset.fromRows(rows) });
  for await (const step of trainer.steps()) found.push(step.loss);
  return found;
}

test("a teacher's vector for each column", async () => {
  const model = await newModel();
  const vector = (text: string) =>
    Array.from({ length: model.embeddingDimension }, (_, i) => Math.sin(i + text.length));
  const [first] = PAIRS;
  const rows = (label: unknown) => [{ text_1: first![0], text_2: first![1], label }];
  const loss = new EmbedDistillLoss(model, { distanceMetric: "mse" });
  const [one, two] = [vector(first![0]), vector(first![1])];
  const both = await losses(model, loss, rows([one, two]));
  // the mean over columns: of one teacher for both, half of each column's part
  const [ones, twos, swapped] = [rows(one), rows(two), rows([two, one])];
  const [a, b, c] = [
    await losses(model, loss, ones),
    await losses(model, loss, twos),
    await losses(model, loss, swapped),
  ];
  expect(both[0]! + c[0]!).toBeCloseTo(a[0]! + b[0]!, 5);
  expect(both[0]).not.toBeCloseTo(c[0]!, 5);
});

test("a score of −∞ leaves a document out, as one of −1e30 does", async () => {
  const model = await newModel();
  const rows = (low: number) =>
    PAIRS.map(([query, positive], i) => ({
      query,
      positive,
      negative_1: PAIRS[(i + 1) % 8]![1],
      negative_2: PAIRS[(i + 2) % 8]![1],
      label: [2, 1, i === 0 ? low : 0],
    }));
  const loss = new DistillKLDivLoss(model);
  const found = await losses(model, loss, rows(LOW));
  expect(found).toHaveLength(2);
  const expected = await losses(model, loss, rows(-1e30));
  expect(found[0]).toBeCloseTo(expected[0]!, 6);
  const kept = await losses(model, loss, rows(0));
  expect(found[0]).not.toBeCloseTo(kept[0]!, 3);
});

test("of −∞ is an error of a loss that has no use for it", async () => {
  const model = await newModel();
  const rows = [{ a: "one text", b: "another", score: LOW }];
  await expect(losses(model, new CoSENTLoss(model), rows)).rejects.toThrow(
    "[CoSENTLoss] row 0 of the batch has the label -Infinity, but a similarity is needed",
  );
});
