import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readRecipe, runReport } from "@ettin/pretrain";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";

const root = temporaryFolder();

test("a run's report joins its phases by tokens", async () => {
  const output = mkdtempSync(join(root, "run-"));
  const recipe = await readRecipe("ettin-encoder-17m", { scale: 1e-9 }); // 1700, 250 and 50 tokens
  writeFileSync(join(output, "pretraining.json"), JSON.stringify({ recipe, startFrom: null, finished: {} }));
  const write = (phase: string, lines: object[]) => {
    mkdirSync(join(output, phase));
    writeFileSync(join(output, phase, "metrics.jsonl"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  };
  write("pretraining", [
    { step: 1, loss: 10, learning_rate: 1e-3, num_input_tokens_seen: 900 },
    { step: 2, loss: 8, learning_rate: 1e-3, num_input_tokens_seen: 1800 },
    { step: 2, eval_loss: 8.5, eval_accuracy: 0.25, num_input_tokens_seen: 1800 },
    { step: 2, train_loss: 9, memory: 1 },
  ]);
  write("extension", [{ step: 1, loss: 7, learning_rate: 5e-4, num_input_tokens_seen: 300 }]);

  const { page, picture } = await runReport(output);
  const html = readFileSync(page, "utf8");
  const [, data] = /id="charts">([\s\S]*?)<\/script>/.exec(html)!;
  const [loss] = JSON.parse(data!) as { series: { x: number[]; y: number[] }[] }[];
  expect(loss!.series).toEqual([
    { x: [900, 1800, 2100], y: [10, 8, 7] }, // 1800 + 300
    { x: [1800], y: [8.5] },
  ]);
  expect(html).toContain('data-state="stopped" data-unit="tokens"');
  expect(html).toContain("<dt>tokens</dt><dd>2,100 <small>of 2,000</small></dd>"); // the last step goes beyond
  expect(html).toContain("<dt>accuracy</dt><dd>0.2500</dd>");
  expect(html).toContain("<summary>Phase decay</summary>");
  const svg = readFileSync(picture, "utf8");
  for (const word of [
    "Loss of ettin-encoder-17m",
    ">training<",
    ">held out<",
    ">pretraining<",
    ">extension<",
    ">tokens<",
  ]) {
    expect(svg).toContain(word);
  }
  expect(readdirSync(output).filter((name) => name.includes("partial"))).toEqual([]);
});

test("a folder without a run is refused", async () => {
  const output = mkdtempSync(join(root, "run-"));
  await expect(runReport(output)).rejects.toThrow(`[runReport] ${output} has no run.`);
});
