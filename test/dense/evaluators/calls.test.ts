import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { columnsCollator, Dataset, packTokens, type SentenceEvaluator, Tensor, tensorScope } from "@ettin/core";
import {
  BinaryClassificationEvaluator,
  InformationRetrievalEvaluator,
  LabelAccuracyEvaluator,
  NanoBEIREvaluator,
  SequentialEvaluator,
} from "@ettin/dense";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { FormulaModel } from "./embedding-by-formula.ts";

describe("what is encoded", () => {
  test("a corpus a chunk at a time, by its ids, with the prompts that were given", async () => {
    const model = new FormulaModel();
    const evaluator = new InformationRetrievalEvaluator({
      queries: { q1: "u1", q2: "u2" },
      corpus: Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`d${i}`, `u${i}`])),
      relevantDocs: { q1: ["d1"] },
      corpusChunkSize: 4,
      batchSize: 3,
      queryPromptName: "query",
      corpusPrompt: "passage: ",
    });
    await evaluator.evaluate(model);
    expect(model.calls).toEqual([
      { texts: 1, options: { batchSize: 3, promptName: "query" } },
      ...[4, 4, 2].map((texts) => ({ texts, options: { batchSize: 3, prompt: "passage: " } })),
    ]);
  });

  test("a text that occurs twice once", async () => {
    const model = new FormulaModel();
    const pairs = { sentences1: ["u1", "u1", "u2"], sentences2: ["u2", "u3", "u1"], labels: [0, 1, 0] };
    await new BinaryClassificationEvaluator(pairs).evaluate(model);
    expect(model.calls).toEqual([{ texts: 3, options: { batchSize: 32 } }]);
  });
});

test("several evaluators: all metrics, and one score of the primary ones", async () => {
  const fixed = (name: string, primaryMetric: string | null, value: number): SentenceEvaluator => ({
    name,
    primaryMetric,
    greaterIsBetter: true,
    evaluate: async () => ({ [`${name}_first`]: value, [`${name}_main`]: 10 * value }),
  });
  const all = [fixed("a", "a_main", 1), fixed("b", null, 2)];
  expect(await new SequentialEvaluator(all).evaluate(null as never)).toEqual({
    a_first: 1,
    a_main: 10,
    b_first: 2,
    b_main: 20,
    sequential_score: 2,
  });
  const sum = new SequentialEvaluator(all, { mainScoreFunction: (scores) => scores[0]! + scores[1]! });
  expect((await sum.evaluate(null as never)).sequential_score).toBe(12);
  const none = new SequentialEvaluator([], { mainScoreFunction: (scores) => Math.max(...scores) });
  expect(await none.evaluate(null as never)).toEqual({ sequential_score: 0 });

  // Evaluators of one name give one metric.
  const named = { ...fixed("a", "a_main", 1), metricNames: () => ["a_first", "a_main"] };
  expect(new SequentialEvaluator([named, named]).metricNames(null as never)).toEqual([
    ...["a_first", "a_main", "sequential_score"],
  ]);
});

test("an evaluator among several has to measure its primary metric", async () => {
  const evaluator: SentenceEvaluator = {
    ...{ name: "", primaryMetric: "cosine_ap", greaterIsBetter: true },
    evaluate: async () => ({ dot_ap: 1, dot_f1: 1 }),
  };
  await expect(new SequentialEvaluator([evaluator]).evaluate(null as never)).rejects.toThrow(
    '[SequentialEvaluator] evaluator 0 has the primary metric "cosine_ap", but gives dot_ap, dot_f1',
  );
});

test("sets of NanoBEIR may list several documents for a query; one set tells the card nothing of its mean", async () => {
  const folder = temporaryFolder();
  const write = async (part: string, rows: readonly object[]) => {
    await mkdir(join(folder, part), { recursive: true });
    await writeFile(join(folder, part, "NanoNQ.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  };
  await write(
    "corpus",
    [1, 2, 3].map((i) => ({ _id: `d${i}`, text: `u${i}` })),
  );
  await write("queries", [
    { _id: "q", text: "u1" },
    { _id: "empty", text: "" },
  ]);
  await write("qrels", [
    { "query-id": "q", "corpus-id": ["d1", "d2"] },
    { "query-id": "empty", "corpus-id": ["d1"] },
  ]);
  const parts = ["corpus", "queries", "qrels"].map(
    (part) => `- config_name: ${part}\n  data_files:\n  - split: NanoNQ\n    path: ${part}/NanoNQ.jsonl\n`,
  );
  await writeFile(join(folder, "README.md"), `---\nconfigs:\n${parts.join("")}---\n`);
  const model = new FormulaModel();
  const found = await new NanoBEIREvaluator({ datasetNames: ["NQ"], datasetId: folder }).evaluate(model);
  expect(found["NanoNQ_cosine_recall@3"]).toBe(1);
  expect(found["NanoBEIR_mean_cosine_recall@3"]).toBe(1);
  expect(model.cardFacts.evaluations.map(({ evaluator, name }) => [evaluator, name])).toEqual([
    ["InformationRetrievalEvaluator", "NanoNQ"],
  ]);
});

test("the classes that a loss's head finds", async () => {
  const dataset = Dataset.fromRows([0, 1, 2, 1, 0].map((label, i) => ({ text: String(i), label })));
  const collator = columnsCollator({
    tokenizer: { encodeBatch: async (texts) => packTokens(texts.map((text) => [Number(text)])) },
    maxLength: "tokenizer",
  });
  // The head says 0, 1, 2, 0, 1, … by the token.
  const softmaxModel = {
    logits: ({ tokens }: { tokens: Int32Array }) =>
      tensorScope(() => Tensor.from([...tokens].map((token) => [0, 1, 2].map((c) => Number(c === token % 3))))),
  };
  const evaluator = new LabelAccuracyEvaluator({ dataset, collator, softmaxModel, name: "nli", batchSize: 2 });
  expect(await evaluator.evaluate({})).toEqual({ nli_accuracy: 3 / 5 });
  expect(evaluator.primaryMetric).toBe("nli_accuracy");
});

test("classes are read by a collator of the model where none is given", async () => {
  const dataset = Dataset.fromRows([0, 1, 2, 1, 0].map((label, i) => ({ text: String(i), label })));
  const softmaxModel = {
    logits: ({ tokens }: { tokens: Int32Array }) =>
      tensorScope(() => Tensor.from([...tokens].map((token) => [0, 1, 2].map((c) => Number(c === token % 3))))),
  };
  const prompts: (string | undefined)[] = [];
  const model = {
    tokenize: async (texts: readonly string[], options: { prompt?: string } = {}) => {
      prompts.push(options.prompt);
      return packTokens(texts.map((text) => [Number(text)]));
    },
  };
  const evaluator = new LabelAccuracyEvaluator({ dataset, softmaxModel });
  expect(await evaluator.evaluate(model)).toEqual({ accuracy: 3 / 5 });
  expect(prompts).toEqual([""]);
  await expect(evaluator.evaluate({})).rejects.toThrow("the model does not make ids of texts. Pass a collator");
});
