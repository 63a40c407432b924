import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chunk, tokenize } from "@ettin/pretrain";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { ROOT } from "../../support/root.ts";
import { TALES, TOKENIZER, writeRows } from "./texts.ts";

const root = temporaryFolder();

/** Runs a program on the packages as they were built: worker threads load built files. */
function runBuilt(program: string): { status: number | null; output: string } {
  const result = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return { status: result.status, output: result.stdout + result.stderr };
}

/** Every file below a folder with its content. */
function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.(mds|json)$/.test(name));
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(folder, name), "latin1")]));
}

test("worker threads, more jobs than threads, write what one thread writes", async () => {
  const texts = join(root, "texts");
  mkdirSync(texts);
  for (let i = 0; i < 5; i++) {
    writeRows(
      texts,
      `part-${i}.jsonl.gz`,
      TALES.slice(8 * i, 8 * i + 8 + i).map((text) => ({ text })),
    );
  }
  const folders = (name: string) => ({ tokens: join(root, name, "tokens"), chunks: join(root, name, "chunks") });
  const [here, there] = [folders("here"), folders("there")];
  const rules = { chunkTokens: 40, minTokens: 20, skipTokens: 8 };
  await tokenize({ sources: [texts], tokenizer: TOKENIZER, folder: here.tokens, workers: 0 });
  await chunk({ source: here.tokens, tokenizer: TOKENIZER, folder: here.chunks, workers: 0, ...rules });
  const { status, output } = runBuilt(`
    import { chunk, tokenize } from "./packages/pretrain/dist/index.js";
    const settings = ${JSON.stringify({ tokenizer: TOKENIZER, workers: 2 })};
    let characters = 0;
    const onProgress = (n) => { characters += n; };
    await tokenize({ ...settings, sources: [${JSON.stringify(texts)}], folder: ${JSON.stringify(there.tokens)}, onProgress });
    await chunk({ ...settings, source: ${JSON.stringify(there.tokens)}, folder: ${JSON.stringify(there.chunks)}, ...${JSON.stringify(rules)} });
    console.log(characters > 1000);
  `);
  expect([status, output]).toEqual([0, "true\n"]);
  expect(contents(there.tokens)).toEqual(contents(here.tokens));
  expect(contents(there.chunks)).toEqual(contents(here.chunks));
});

test("an error of a worker is the caller's, and ends the others", () => {
  const texts = join(root, "bad");
  mkdirSync(texts);
  writeRows(texts, "a.jsonl", [{ text: "fine" }]);
  writeRows(texts, "b.jsonl", ["{"]);
  const { status, output } = runBuilt(`
    import { tokenize } from "./packages/pretrain/dist/index.js";
    const options = ${JSON.stringify({ sources: [texts], tokenizer: TOKENIZER, folder: join(root, "out"), workers: 2 })};
    await tokenize(options).catch((error) => console.log(error.name, error.where, error.what));
  `);
  expect(status).toBe(0);
  expect(output).toMatch(/^EngineError tokenize .*b\.jsonl, line 1: the line is not JSON/);
});
