import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { metricsFile } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { fakeRun } from "../../support/trainer-run.ts";

const root = temporaryFolder();
const newFolder = () => mkdtempSync(join(root, "run-"));
const lines = (folder: string) =>
  readFileSync(join(folder, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** Takes steps and logs each. */
async function train(outputDir: string, from: number, to: number, notices: string[] = []) {
  const run = fakeRun(metricsFile({ onNotice: (notice) => notices.push(notice) }), { outputDir }, from);
  await run.begin();
  for (let step = from + 1; step <= to; step++) {
    await run.step();
    await run.log({ loss: 10 / step });
  }
  await run.close();
}

describe("metricsFile", () => {
  test("writes a line for each log event and each evaluation", async () => {
    const outputDir = newFolder();
    const run = fakeRun(metricsFile(), { outputDir });
    await run.begin();
    await run.step();
    await run.step();
    await run.log({ loss: 2.5, learning_rate: 1e-3 });
    await run.evaluate({ eval_loss: 2.25, eval_accuracy: Number.NaN });
    await run.close();
    const [first, second] = lines(outputDir);
    // two steps of 100 tokens in half a second each
    expect(first).toMatchObject({ step: 2, epoch: 0.2, loss: 2.5, learning_rate: 1e-3, tokens_per_second: 200 });
    expect(first!.rss).toBeGreaterThan(1e6);
    expect(new Date(first!.time as string).toISOString()).toBe(first!.time);
    expect(second).toMatchObject({ step: 2, eval_loss: 2.25, eval_accuracy: null });
  });
  test("a line is in the file as soon as it was logged", async () => {
    const outputDir = newFolder();
    const run = fakeRun(metricsFile(), { outputDir });
    await run.begin();
    await run.step();
    await run.log({ loss: 3 });
    expect(lines(outputDir)).toHaveLength(1);
    await run.close();
  });
  test("going on after step 3 cuts off the lines of later steps and adds no line twice", async () => {
    const outputDir = newFolder();
    await train(outputDir, 0, 5);
    await train(outputDir, 3, 6);
    expect(lines(outputDir).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
  });
  test("a line that a crash cut short is cut off, and that is said", async () => {
    const outputDir = newFolder();
    await train(outputDir, 0, 3);
    appendFileSync(join(outputDir, "metrics.jsonl"), '{"step":4,"lo');
    const notices: string[] = [];
    await train(outputDir, 3, 4, notices);
    expect(lines(outputDir).map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(notices).toEqual([expect.stringMatching(/metrics\.jsonl had no end: its 13 bytes were cut off\.$/)]);
  });
  test("a new run sets the earlier file aside", async () => {
    const outputDir = newFolder();
    writeFileSync(join(outputDir, "metrics.1.jsonl"), "the first\n");
    writeFileSync(join(outputDir, "metrics.jsonl"), "the second\n");
    await train(outputDir, 0, 1);
    expect(readFileSync(join(outputDir, "metrics.1.jsonl"), "utf8")).toBe("the first\n");
    expect(readFileSync(join(outputDir, "metrics.2.jsonl"), "utf8")).toBe("the second\n");
    expect(lines(outputDir)).toHaveLength(1);
  });
});
