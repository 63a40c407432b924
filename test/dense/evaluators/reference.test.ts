/** Every evaluator finds what the reference finds with the same embeddings: scripts/reference/dense_evaluators.py. */
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SimilarityFunctionName } from "@ettin/core";
import * as dense from "@ettin/dense";
import { expect, onTestFinished, test } from "vitest";
import { ROOT } from "../../support/root.ts";
import { FormulaModel } from "./embedding-by-formula.ts";

interface Case {
  readonly evaluator: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly metrics: Readonly<Record<string, number>>;
  readonly primaryMetric: string;
  /** The header of each CSV file, all lines of each other one. */
  readonly files: Readonly<Record<string, string | string[]>>;
  readonly description: string;
}

const folder = join(ROOT, "test/fixtures/dense");
const { cases } = JSON.parse(readFileSync(join(folder, "evaluators.json"), "utf8")) as { cases: Case[] };

const camel = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

/** The reference's options as ours are called. */
function optionsOf(given: Case["options"]): Record<string, unknown> {
  const options = Object.fromEntries(Object.entries(given).map(([name, value]) => [camel(name), value]));
  delete options.similarityFnName;
  if (options.teacherModel) options.teacherModel = new FormulaModel();
  if (options.datasetId) options.datasetId = join(folder, "nano-beir");
  return options;
}

const titles = cases.map(({ evaluator, options }, i) => {
  const settings = Object.entries(options).filter(
    ([, value]) => typeof value !== "object" || JSON.stringify(value).length < 60,
  );
  return [`${i}: ${evaluator} ${JSON.stringify(Object.fromEntries(settings))}`, i] as const;
});

test.each(titles)("%s", async (_, i) => {
  const { evaluator: name, options, metrics, primaryMetric, files, description } = cases[i]!;
  const Evaluator = new Map(Object.entries(dense)).get(name) as typeof dense.TripletEvaluator;
  const model = new FormulaModel(options.similarity_fn_name as SimilarityFunctionName | undefined);
  const evaluator = new Evaluator(optionsOf(options) as never);
  const outputPath = await mkdtemp(join(tmpdir(), "ettin-evaluator-"));
  onTestFinished(() => rm(outputPath, { recursive: true }));

  const known = evaluator.metricNames(model);
  const found = await evaluator.evaluate(model, { outputPath, epoch: 1, steps: 20 });
  expect([...known].sort()).toEqual(Object.keys(metrics).sort()); // before the evaluation
  expect(Object.keys(found)).toEqual(Object.keys(metrics));
  for (const [key, value] of Object.entries(metrics))
    expect(Math.abs(found[key]! - value), key).toBeLessThan(1e-6 * Math.max(1, Math.abs(value)));
  expect(evaluator.primaryMetric).toBe(primaryMetric);
  expect(model.cardFacts.evaluations.at(-1)).toMatchObject({ evaluator: name, description, epoch: 1, steps: 20 });

  expect((await readdir(outputPath)).sort()).toEqual(Object.keys(files).sort());
  for (const [file, expected] of Object.entries(files)) {
    const lines = (await readFile(join(outputPath, file), "utf8")).trimEnd().split("\n");
    if (typeof expected === "string") {
      expect(lines[0]).toBe(expected);
      expect(lines[1]!.split(",")).toHaveLength(expected.split(",").length);
    } else expect(lines.map((line) => JSON.parse(line))).toEqual(expected.map((line) => JSON.parse(line)));
  }

  // The next evaluation adds a line.
  await evaluator.evaluate(model, { outputPath, epoch: 2, steps: 40 });
  const [csv] = Object.keys(files).filter((file) => file.endsWith(".csv"));
  const [, first, second] = (await readFile(join(outputPath, csv!), "utf8")).split("\n");
  expect([first!.slice(0, 5), second!.slice(0, 5)]).toEqual(["1,20,", "2,40,"]);
  expect(second!.slice(5)).toBe(first!.slice(5));
});
