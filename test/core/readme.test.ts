/** The TypeScript of the root README and of packages/core's runs, on small models of random weights. */
import { cpSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as core from "@ettin/core";
import { beforeAll, expect, test, vi } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { codeBlocks, importedNames, runCode } from "../support/readme.ts";
import { BPE } from "../support/tokenizers.ts";

const root = temporaryFolder();
const shape = { vocabSize: 4096, hiddenSize: 32, intermediateSize: 48, numHiddenLayers: 2, numAttentionHeads: 1 };
const [encoder, decoder] = [join(root, "encoder"), join(root, "decoder")];

beforeAll(async () => {
  for (const [kind, folder] of [
    [core.ModernBertForMaskedLM, encoder],
    [core.ModernBertDecoderForCausalLM, decoder],
  ] as const) {
    const model = kind.fromConfig({ ...shape, maxPositionEmbeddings: 128 }, { seed: 5 });
    await model.savePretrained(folder);
    model.dispose();
    cpSync(BPE, folder, { recursive: true });
  }
});

const dispose = (...models: unknown[]): void => {
  for (const model of models) (model as { dispose(): void }).dispose();
};

const instead = {
  "jhu-clsp/ettin-encoder-17m": encoder,
  "jhu-clsp/ettin-decoder-17m": decoder,
  "runs/mine": join(root, "mine"),
};
const run = (code: string, names: object, results: string) => runCode(code, { ...core, ...names }, results, instead);

test("fifteen lines of autograd learn what they say, in both READMEs", async () => {
  const blocks = [codeBlocks("README.md").at(-1)!, codeBlocks("packages/core/README.md")[0]!];
  for (const code of blocks) {
    const print = vi.spyOn(console, "log").mockImplementation(() => {});
    const { weight } = (await run(code, {}, "weight")) as { weight: core.Tensor };
    print.mockRestore();
    const said = [2, -1, 0.5];
    for (const [i, value] of (await weight.data()).entries()) expect(value).toBeCloseTo(said[i]!, 3);
    weight.dispose();
  }
});

test("the root README fills a mask and streams a text", async () => {
  const [printed, written]: [unknown[], string[]] = [[], []];
  const names = {
    console: { log: (value: unknown) => printed.push(value) },
    process: { stdout: { write: (piece: string) => written.push(piece) } },
  };
  const { encoder, decoder } = await run(codeBlocks("README.md")[0]!, names, "encoder, decoder");
  dispose(encoder, decoder);
  expect(printed).toEqual([[expect.any(Array)]]);
  expect((printed[0] as core.FilledMask[][])[0]).toHaveLength(3);
  expect(written.join("")).not.toBe("");
});

test("packages/core's README embeds, fills a mask, generates, and saves what loads", async () => {
  const [, models, sharing] = codeBlocks("packages/core/README.md") as [string, string, string];
  const notices: string[] = [];
  const results = "encoder, masked, decoder, tokenizer, vectors, best, answer";
  const made = await run(models, { notices }, results);
  expect(made.vectors).toEqual([expect.any(Float32Array), expect.any(Float32Array)]);
  expect(Math.hypot(...(made.vectors as Float32Array[])[0]!)).toBeCloseTo(1, 5);
  expect(made.best).toHaveLength(3);
  expect(made.answer).toBeDefined();

  const pushed: unknown[] = [];
  const pushToHub = async (folder: string, options: object) => {
    pushed.push([folder, options]);
    return { url: "https://huggingface.co/me/mine" };
  };
  const { encoder: one, tokenizer } = made;
  await run(sharing, { encoder: one, tokenizer, writeFile, pushToHub }, "url");
  expect(pushed).toEqual([[join(root, "mine"), { repo: "me/mine" }]]);
  const again = await core.AutoModel.fromPretrained(join(root, "mine"));
  dispose(again, made.encoder, made.masked, made.decoder);
  expect(readFileSync(join(root, "mine/README.md"), "utf8")).toContain("# me/mine");
});

test("every name that the READMEs import is exported", () => {
  const blocks = [...codeBlocks("README.md"), ...codeBlocks("packages/core/README.md")];
  const names = blocks.filter((code) => code.includes('"@ettin/core"')).flatMap(importedNames);
  expect(names.length).toBeGreaterThan(10);
  for (const name of names) expect(core).toHaveProperty(name);
});
