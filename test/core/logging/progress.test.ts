import { progressReporter } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type ProgressView, progressBar, progressLine } from "../../../packages/core/src/logging/progress-text.ts";
import { fakeRun } from "../../support/trainer-run.ts";

const view: ProgressView = {
  done: 0.125,
  step: 1250,
  steps: 10_000,
  loss: 2.34567,
  learningRate: 8e-4,
  tokensPerSecond: 12_345,
  left: 3753,
  busy: null,
};

function collect(isTTY: boolean, columns = 100) {
  const written: string[] = [];
  return { isTTY, columns, written, write: (text: string) => written.push(text) };
}

describe("progressBar", () => {
  test("shows step, loss, learning rate, speed and time left", () => {
    const text = progressBar(view, 120);
    expect(text).toMatch(
      /^ 12% {2}▕███▌ +▏ {2}step 1,250\/10,000 {2}loss 2\.346 {2}lr 8e-4 {2}12\.3k tok\/s {2}1:02:33 left$/,
    );
    expect(/▕(.*)▏/.exec(text)![1]).toHaveLength(28); // 3.5 of 28 are an eighth
  });
  test.each([100, 79, 60, 40, 24, 10])("fits in %d columns", (columns) => {
    const text = progressBar(view, columns);
    expect(text.length).toBeLessThanOrEqual(columns);
    expect(text.slice(0, 10)).toContain("12%");
    if (columns >= 40) expect(text).toContain("loss 2.346");
  });
  test("is full at the end and empty at the start", () => {
    expect(progressBar({ ...view, done: 1 }, 120)).toContain(`▕${"█".repeat(28)}▏`);
    expect(progressBar({ ...view, done: 0 }, 120)).toContain(`▕${" ".repeat(28)}▏`);
  });
  test("has no share where the end is not known", () => {
    expect(progressBar({ ...view, done: null, steps: null, left: null }, 80)).toBe(
      "step 1,250  loss 2.346  lr 8e-4  12.3k tok/s",
    );
  });
});

test("a line has the values of a log event", () => {
  expect(progressLine(view, { loss: 2.5, grad_norm: 0.8125 })).toBe(
    "step 1,250/10,000 (12.5 %)  loss 2.5  grad_norm 0.8125  12,345 tokens/s  1:02:33 left",
  );
});

describe("progressReporter", () => {
  test("draws one line over itself on a terminal, at most ten times a second", async () => {
    const stream = collect(true);
    const run = fakeRun(progressReporter({ stream }), { outputDir: "." }, 0, 1000);
    await run.begin();
    for (let step = 0; step < 500; step++) await run.step();
    await run.log({ loss: 1 });
    expect(stream.written.length).toBeGreaterThanOrEqual(1);
    expect(stream.written.length).toBeLessThan(10); // 500 steps take some milliseconds
    for (const text of stream.written) expect(text.startsWith("\r\u001b[K") && !text.includes("\n")).toBe(true);
    await run.end();
    expect(stream.written.at(-1)).toMatch(/^done: 500 steps in \d+s, mean loss 1\.500\n$/);
  });
  test("writes lines without control characters where nobody watches", async () => {
    const stream = collect(false);
    const run = fakeRun(progressReporter({ stream }), { outputDir: "." }, 4, 10);
    await run.begin();
    await run.step(2);
    await run.log({ loss: 2 });
    await run.evaluate({ eval_loss: 1.75, eval_steps_per_second: 3 });
    await run.save("out/checkpoint-5");
    await run.end("SIGTERM");
    await run.close();
    expect(
      stream.written
        .join("")
        .replace(/[\d:]+s? left/, "… left")
        .split("\n"),
    ).toEqual([
      "going on after step 4",
      "step 5/10 (50.0 %)  loss 2  200 tokens/s  … left",
      "step 5  eval_loss 1.75",
      "step 5  saved out/checkpoint-5",
      "stopped (SIGTERM) after 5 steps in 0s, mean loss 1.500",
      "",
    ]);
  });
  test("counts tokens where tokens end the run", async () => {
    const stream = collect(false);
    const run = fakeRun(progressReporter({ stream }), { outputDir: ".", maxTokens: 400 });
    await run.begin();
    await run.step();
    await run.log({ loss: 2 });
    expect(stream.written[0]).toMatch(/^step 1 \(25\.0 %\) {2}loss 2/); // 100 of 400 tokens
  });
});
