import { cpSync, existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as pretrain from "@ettin/pretrain";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { codeBlocks, importedNames, runCode } from "../support/readme.ts";
import { ROOT } from "../support/root.ts";
import { BPE } from "../support/tokenizers.ts";

const root = temporaryFolder();

test("the program in the README is examples/pretrain.ts", () => {
  const readme = readFileSync(join(ROOT, "packages/pretrain/README.md"), "utf8");
  const program = readFileSync(join(ROOT, "examples/pretrain.ts"), "utf8");
  expect(readme).toContain(`\`\`\`ts\n${program}\`\`\``);
});

test("the training of the root README runs, saves and resumes", async () => {
  const code = codeBlocks("README.md").find((block) => block.includes("maskedLanguageCollator"))!;
  for (const name of importedNames(code)) expect(pretrain).toHaveProperty(name);
  const shape = { vocabSize: 4096, hiddenSize: 32, intermediateSize: 48, numHiddenLayers: 2, numAttentionHeads: 1 };
  const encoder = pretrain.ModernBertForMaskedLM.fromConfig({ ...shape, maxPositionEmbeddings: 64 }, { seed: 5 });
  await encoder.savePretrained(join(root, "encoder"));
  encoder.dispose();
  cpSync(BPE, join(root, "encoder"), { recursive: true });
  const rows = Array.from({ length: 16 }, (_, i) => JSON.stringify({ text: `the ${i} little words of a text` }));
  await writeFile(join(root, "texts.jsonl.gz"), gzipSync(rows.join("\n")));
  const instead = {
    "jhu-clsp/ettin-encoder-17m": join(root, "encoder"),
    "texts.jsonl.gz": join(root, "texts.jsonl.gz"),
    "runs/mine": join(root, "mine"),
  };
  const { model } = await runCode(code, pretrain, "model", instead);
  expect(existsSync(join(root, "mine/checkpoint-2/model.safetensors"))).toBe(true);
  const resumed = await runCode(
    code.replace("resumeFromCheckpoint: false", "resumeFromCheckpoint: true"),
    pretrain,
    "model",
    instead,
  );
  for (const each of [model, resumed.model]) (each as pretrain.ModernBertForMaskedLM).dispose();
});
