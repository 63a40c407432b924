import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openIndex } from "@ettin/core";
import { SentenceTransformer } from "@ettin/dense";
import { beforeAll, expect, test } from "vitest";
import { saveSmallEncoder } from "../support/dense-model.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ROOT } from "../support/root.ts";

const root = temporaryFolder();
const [model, data] = [join(root, "model"), join(root, "data")];
const jsonLines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

beforeAll(async () => {
  await saveSmallEncoder(model);
  mkdirSync(data);
  for (const file of ["corpus.jsonl", "questions.jsonl"]) {
    const lines = readFileSync(join(ROOT, "examples/facts", file), "utf8").split("\n");
    writeFileSync(join(data, file), lines.slice(0, file === "corpus.jsonl" ? 60 : 180).join("\n"));
  }
});

/** Runs an example in a process of its own, on the packages' sources. */
function run(file: string, ...args: string[]): string {
  const all = ["--import", "./test/support/from-sources.mjs", file, ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { cwd: ROOT, encoding: "utf8" });
  expect(status, stderr).toBe(0);
  return stdout;
}

test("the quickstart leaves a model, an index and a page, here from a model and data of one's own", async () => {
  const output = join(root, "quickstart");
  const stdout = run("examples/quickstart.ts", "--model", model, "--data", data, "--output", output);
  expect(stdout).toMatch(/^60 passages, \d+ questions to learn from, \d+ to be tested on\nnDCG@10 before: 0\.\d{3}/);
  expect(stdout).toMatch(/nDCG@10 after: 0\.\d{3}/);
  const loaded = await SentenceTransformer.fromPretrained(join(output, "model"));
  const index = await openIndex(join(output, "index"), { dim: loaded.embeddingDimension });
  expect(index.size).toBe(60);
  index.dispose();
  loaded.dispose();
  const page = readFileSync(join(output, "report.html"), "utf8");
  expect(page).toContain("<th></th><th>before</th><th>after</th>");
  expect(page.match(/<tr><td>/g)!.length).toBe(5 + 3); // metrics, and three questions
});

test("the published fine-tuning runs on pairs and on triplets of a file", () => {
  const texts = ["sea", "hill", "fox", "lamp", "bell", "snow"].flatMap((word) => [`a ${word}`, `the ${word}`]);
  const rows = texts.map((text, i) => ({
    query: `Where is ${text}?`,
    positive: `${text} is here.`,
    negative: `no ${i}`,
  }));
  const [pairs, triplets] = [join(root, "pairs.jsonl"), join(root, "triplets.jsonl")];
  writeFileSync(pairs, jsonLines(rows.map(({ query, positive }) => ({ query, positive }))));
  writeFileSync(triplets, jsonLines(rows));
  const common = ["--model", model, "--batch", "4", "--steps", "1", "--eval-rows", "4", "--output"];
  expect(run("examples/dense/msmarco.ts", ...common, join(root, "pairs"), "--data", pairs)).toContain(
    "dev_cosine_ndcg@10",
  );
  const stdout = run(
    "examples/dense/msmarco.ts",
    ...common,
    join(root, "triplets"),
    "--data",
    triplets,
    "--micro-batch",
    "16",
  );
  expect(stdout).toContain("8 rows of query, positive, negative");
  expect(stdout).toContain("dev_cosine_accuracy");
  expect(existsSync(join(root, "triplets/model/final/modules.json"))).toBe(true);
});
