import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { newTrainer } from "./language.ts";

const root = temporaryFolder();

test("a run writes the reports that its arguments name, and goes on with them when it is resumed", async () => {
  const outputDir = mkdtempSync(join(root, "run-"));
  const report = ["metrics", "tensorboard", "html"] as const;
  const first = newTrainer({ outputDir, report, maxSteps: 4, loggingSteps: 1, saveStrategy: "steps", saveSteps: 2 });
  await first.train();
  const second = newTrainer({ outputDir, report, maxSteps: 6, loggingSteps: 1, saveStrategy: "steps", saveSteps: 2 });
  await second.train({ resumeFromCheckpoint: join(outputDir, "checkpoint-2") });

  const lines = readFileSync(join(outputDir, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  const steps = lines
    .map((line) => JSON.parse(line) as Record<string, number>)
    .filter(({ loss }) => loss !== undefined);
  expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
  for (const { loss, grad_norm, learning_rate, tokens_per_second, memory } of steps) {
    for (const value of [loss, grad_norm, tokens_per_second, memory]) expect(value).toBeGreaterThan(0);
    expect(learning_rate).toBeGreaterThanOrEqual(0);
  }
  expect(readdirSync(outputDir).filter((name) => name.startsWith("events.out.tfevents"))).toHaveLength(2);
  expect(readFileSync(join(outputDir, "report.html"), "utf8")).toContain('data-state="finished"');
});

test("a run that asks for no report writes none", async () => {
  const outputDir = mkdtempSync(join(root, "run-"));
  await newTrainer({ outputDir, report: [], maxSteps: 1 }).train();
  expect(existsSync(join(outputDir, "metrics.jsonl"))).toBe(false);
});
