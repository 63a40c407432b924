import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadDataset } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { runCommand } from "../support/terminal.ts";
import { BPE } from "../support/tokenizers.ts";

const root = temporaryFolder();
const texts = join(root, "texts.jsonl");
const words = Array.from({ length: 400 }, (_, i) => `word${i}`).join(" ");
writeFileSync(texts, `${JSON.stringify({ text: words })}\n${JSON.stringify({ text: "Two readers met." })}\n`);
const [tokens, chunks, mixture] = ["tokens", "chunks", "mixture"].map((name) => join(root, name)) as [
  string,
  string,
  string,
];
const run = (...args: string[]) => runCommand(["data", ...args]);

describe("ettin data", () => {
  test("tokenize, chunk, mix and inspect go from texts to a training set", async () => {
    const tokenized = await run("tokenize", texts, "--tokenizer", BPE, "--out", tokens, "--workers", "0");
    expect([tokenized.code, tokenized.stderr]).toEqual([0, ""]);
    expect(tokenized.stdout).toMatch(/^texts {2}2 documents {2}[\d,]+ tokens {2}[\d.]+ kB\n/);
    const rules = ["--chunk-tokens", "64", "--min-tokens", "16", "--skip-tokens", "4"];
    const chunked = await run("chunk", tokens, "--tokenizer", BPE, "--out", chunks, "--workers", "0", ...rules);
    expect([chunked.code, chunked.stderr]).toEqual([0, ""]);
    expect(chunked.stdout).toMatch(/^documents +2\nchunks +\d+\ntokens +[\d,]+\n/);
    const mixed = await run("mix", `${chunks}/texts=500`, "--by", "documents", "--validation", "0.1", "--out", mixture);
    expect([mixed.code, mixed.stderr]).toEqual([0, ""]);
    expect(mixed.stdout).toMatch(/^texts {2}\d+ tokens {2}100\.0 % {2}\d+ for validation/);
    const inspected = await run("inspect", join(mixture, "train"), "--tokenizer", BPE, "--samples", "1");
    expect([inspected.code, inspected.stderr]).toEqual([0, ""]);
    expect(inspected.stdout).toMatch(/rows +\d+\nid +str\ninput_ids +ndarray:uint32\ntokens +\d+\nlengths +0 %: \d+, /);
    expect(inspected.stdout).toContain('text: "[CLS] ');
    expect(inspected.stdout).toMatch(/hashes +sha1: every shard is as written/);
    const { rows, samples } = JSON.parse((await run("inspect", join(mixture, "train"), "--json")).stdout);
    expect(samples).toHaveLength(Math.min(3, rows));
    expect(samples[0].values.input_ids.length).toBeLessThanOrEqual(64);
    // A byte that changed inside of a value: nothing but the hash knows it.
    const shard = readdirSync(join(mixture, "train"), { recursive: true }).find((name) => /mds$/.test(String(name)));
    const file = join(mixture, "train", String(shard));
    const bytes = readFileSync(file);
    bytes[bytes.length - 4]! ^= 1;
    rmSync(file); // it may be linked
    writeFileSync(file, bytes);
    const damaged = await run("inspect", join(mixture, "train"));
    expect(damaged.code).toBe(1);
    expect(damaged.stderr).toMatch(/shard\.00000\.mds has sha1 [0-9a-f]{40}, but the index says/);
    const dataset = await loadDataset(join(mixture, "train"));
    expect(() => dataset.rows(Array.from({ length: dataset.length }, (_, i) => i))).toThrow("shard.00000.mds has sha1");
    const asIs = await loadDataset(join(mixture, "train"), { verifyHashes: false });
    expect(asIs.rows(Array.from({ length: asIs.length }, (_, i) => i))).toHaveLength(rows);
  });

  test.each<[string[], number, string]>([
    [["tokenize"], 2, "ettin data tokenize needs <source>"],
    [["tokenize", texts, "--out", "x"], 2, "needs --tokenizer"],
    [["tokenize", texts, "--tokenizer", BPE], 2, "needs --out"],
    [["tokenise", texts], 2, 'ettin data has no command "tokenise". Did you mean ettin data tokenize?'],
    [["tokenize", join(root, "none.jsonl"), "--tokenizer", BPE, "--out", join(root, "a")], 1, "none.jsonl"],
    [["chunk", root, "--tokenizer", BPE, "--out", join(root, "b"), "--chunk-tokens", "2"], 2, "--chunk-tokens is"],
    [["mix", "a/x", "b/x", "--out", join(root, "c")], 2, 'there are two sources named "x"'],
    [["mix", "a=1e2e3", "--out", join(root, "c")], 2, "does not say how many tokens"],
    [["inspect", root], 1, "has no index.json"],
  ])("%j fails", async (args, code, message) => {
    const result = await run(...args);
    expect([result.code, result.stdout]).toEqual([code, ""]);
    expect(result.stderr).toContain(message);
  });

  test("has help for each of them", async () => {
    const { stdout } = await run("mix", "--help");
    expect(stdout).toContain("Usage: ettin data mix <source> … [options]");
    expect((await runCommand(["--help"])).stdout).toContain("data tokenize");
    expect((await runCommand(["help", "data", "mix"])).stdout).toBe(stdout);
  });
});
