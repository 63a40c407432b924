import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { retrievalData } from "../../examples/retrieval-data.ts";
import { factFiles } from "../../scripts/facts.mjs";
import { ROOT } from "../support/root.ts";

const folder = join(ROOT, "examples/facts");
const read = (name: string) => readFileSync(join(folder, name), "utf8");
const rows = (name: string) =>
  read(name)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("the files are what scripts/facts.mjs writes from its tables", () => {
  const files = factFiles() as Record<string, string>;
  expect(Object.keys(files)).toEqual(["corpus.jsonl", "questions.jsonl"]);
  for (const [name, text] of Object.entries(files)) expect(text === read(name), name).toBe(true);
  expect(Object.values(files).join("").length).toBeLessThan(600_000);
});

test("every question has its passage, and all questions about a passage are in one split", () => {
  const ids = new Set(rows("corpus.jsonl").map(({ id }) => id));
  const splits = new Map<string, string>();
  const questions = rows("questions.jsonl");
  for (const { positive_id, split } of questions) {
    expect(ids.has(positive_id)).toBe(true);
    expect(splits.get(positive_id) ?? split).toBe(split);
    splits.set(positive_id, split);
  }
  expect(ids.size).toBeGreaterThanOrEqual(500);
  expect(questions.length).toBeGreaterThanOrEqual(1500);
});

test("no passage has a hole, and passages have two to five sentences", () => {
  for (const { text } of rows("corpus.jsonl")) {
    expect(text).not.toMatch(/undefined|\.\.|\s\s|\s[.,]/);
    const sentences = text.split(/[.?!](?:\s|$)/).filter(Boolean).length;
    expect(sentences, text).toBeGreaterThanOrEqual(2);
    expect(sentences, text).toBeLessThanOrEqual(8); // names with full stops count twice
  }
});

test("reads as pairs to train on, and as queries with their passages", async () => {
  const { corpus, train, dev, test: held } = await retrievalData(folder);
  expect(corpus.size).toBe(rows("corpus.jsonl").length);
  expect(train.length + dev.queries.size + held.queries.size).toBe(rows("questions.jsonl").length);
  const { query, positive } = train.at(0);
  expect([typeof query, [...corpus.values()].includes(positive)]).toEqual(["string", true]);
  for (const [id, [passage]] of held.relevantDocs) expect(held.queries.has(id) && corpus.has(passage!)).toBe(true);
});
