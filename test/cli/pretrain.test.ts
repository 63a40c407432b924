import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { main } from "ettin";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { runCommand } from "../support/terminal.ts";

const root = temporaryFolder();

/** A file of encoded rows, and the arguments that train a small model on it. */
function smallRun(): { args: string[]; output: string } {
  const folder = mkdtempSync(join(root, "run-"));
  const rows = Array.from({ length: 48 }, (_, i) => ({
    input_ids: [50281, ...Array.from({ length: 12 }, (_, t) => 100 + ((5 * i + t) % 40))],
  }));
  writeFileSync(join(folder, "rows.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  writeFileSync(
    join(folder, "small.yaml"),
    `extends: ettin-decoder-17m
model: { hiddenSize: 64, intermediateSize: 64, numHiddenLayers: 1, numAttentionHeads: 1, maxPositionEmbeddings: 64 }
globalBatchSize: 4
devices: 1
precision: fp32
phases:
  pretraining:
    tokens: 300
    maxSeqLen: 32
    microBatchSize: 4
    batchSizeWarmupTokens: 0
    checkpointTokens: 150
    schedule: { warmupTokens: 100 }
  extension: null
  decay: { tokens: 150, maxSeqLen: 32, microBatchSize: 4, checkpointTokens: 150 }
`,
  );
  const output = join(folder, "out");
  const args = ["pretrain", join(folder, "small.yaml"), "--data", join(folder, "rows.jsonl"), "--output", output];
  return { args, output };
}

describe("ettin pretrain", () => {
  test("--plan shows a recipe's phases", async () => {
    const { code, stdout } = await runCommand(["pretrain", "ettin-encoder-150m", "--plan"]);
    expect(code).toBe(0);
    expect(stdout).toContain("ettin-encoder-150m: ettin-encoder-150m, 4608 sequences a step, seed 21");
    expect(stdout).toMatch(/pretraining +1700 billion +up to 1024 +0\.0008 +mlm 0\.3 +10000\/10000 +8\.50 billion/);
  });
  test("a misspelt key is an error that names the nearest one", async () => {
    const { code, stderr } = await runCommand(["pretrain", "ettin-encoder-150m", "--plan", "--set", "decay.tokns=1"]);
    expect(code).toBe(1);
    expect(stderr).toContain("there is no key tokns in phases.decay. The nearest is tokens.");
  });
  test("without data it says what is missing", async () => {
    const { code, stderr } = await runCommand(["pretrain", "ettin-encoder-150m"]);
    expect(code).toBe(2);
    expect(stderr).toContain("ettin pretrain needs --data <path>");
  });
  test("trains, measures, and tells where the model is", async () => {
    const { args, output } = smallRun();
    const rows = args[3]!;
    const { code, stdout, stderr } = await runCommand([...args, "--eval-data", rows, "--log-steps", "2"]);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^phase +steps +tokens +loss +perplexity +accuracy +checkpoint\npretraining +6 +312 /); // 52 a step
    expect(stdout).toContain(`done: ${join(output, "decay", "checkpoint-3")}`);
    expect(stderr).toContain("pretraining: 300 tokens, new weights\n");
    expect(stderr).toMatch(/step 2 \(34\.7 %\) {2}loss 10\.\d+/);
  });
  test("stopped, it ends with 130; called again, it goes on", async () => {
    const { args, output } = smallRun();
    const abort = new AbortController();
    let stderr = "";
    const code = await main([...args, "--log-steps", "1"], {
      write: () => {},
      writeError(text) {
        stderr += text;
        if (/step 2 /.test(text)) abort.abort();
      },
      interactive: false,
      signal: abort.signal,
    });
    expect(code, stderr).toBe(130);
    const rest = await runCommand([...args, "--json"]);
    expect(rest.code, rest.stderr).toBe(0);
    expect(rest.stderr).toContain(
      `pretraining: 300 tokens, going on from ${join(output, "pretraining", "checkpoint-2")}`,
    );
    const summary = JSON.parse(rest.stdout) as { phases: { name: string; steps: number }[] };
    expect(summary.phases.map(({ name, steps }) => [name, steps])).toEqual([
      ["pretraining", 6],
      ["decay", 3],
    ]);
  });
});
