import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as dense from "@ettin/dense";
import { expect, test } from "vitest";
import { saveSmallEncoder } from "../support/dense-model.ts";
import { temporaryFolder } from "../support/folder.ts";
import { codeBlocks, importedNames, runCode } from "../support/readme.ts";
import { ROOT } from "../support/root.ts";

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const readme = read("packages/dense/README.md");
const root = temporaryFolder();

test("the program in the README is examples/dense/train.ts", () => {
  expect(readme).toContain(`\`\`\`ts\n${read("examples/dense/train.ts")}\`\`\``);
});

test("every loss and evaluator that the README names is exported, and none is left out", () => {
  const [there, absent] = readme.split("## What is not there");
  expect(absent).toContain("`DenoisingAutoEncoderLoss`");
  const named = (ending: string) => {
    const found = [...there!.matchAll(/`(\w+)`/g)]
      .map(([, name]) => name!)
      .filter((name) => new RegExp(ending).test(name));
    return [...new Set(found)].sort();
  };
  const exported = (ending: string) =>
    Object.keys(dense)
      .filter((name) => new RegExp(ending).test(name))
      .sort();
  const symmetric = ["CachedMultipleNegativesSymmetricRankingLoss", "MultipleNegativesSymmetricRankingLoss"];
  expect([...named("Loss($|In)"), ...symmetric].sort()).toEqual(exported("Loss($|In)"));
  expect(named("Evaluator$")).toEqual(exported("Evaluator$"));
});

test("its lines about encoding and indexes run", async () => {
  const folder = join(root, "model");
  await saveSmallEncoder(folder);
  const model = await dense.SentenceTransformer.fromPretrained(folder);
  const [, encoding, indexing] = codeBlocks("packages/dense/README.md");
  const kept: unknown[] = [];
  const indexes = { "passages.index": join(root, "passages.index") };
  const names = {
    ...dense,
    model,
    texts: ["a", "b"],
    lines: ["c", "d", "e"],
    keep: async (texts: unknown) => kept.push(texts),
  };
  const run = (code: string, more: object, results: string) => runCode(code, { ...names, ...more }, results, indexes);
  const encoded = await run(encoding!, {}, "a, b, query, bits, data, shape");
  expect(encoded).toMatchObject({
    query: expect.any(Float32Array),
    bits: [expect.any(Uint8Array), expect.any(Uint8Array)],
  });
  expect(encoded).toMatchObject({ shape: [1, 1] });
  expect(kept).toEqual([["c", "d", "e"]]);
  const vectors = await model.encode(["a", "b"]);
  const found = (await run(indexing!, { query: vectors[0], vectors }, "index, hits, again")) as Record<
    string,
    dense.VectorIndex
  >;
  expect(found.hits).toEqual([{ id: "a", score: expect.closeTo(1, 5), metadata: { lang: "en" } }]);
  expect(found.again!.size).toBe(2);
  found.index!.dispose();
  found.again!.dispose();
  model.dispose();
});

test("the retriever of the root README trains and encodes", async () => {
  const code = codeBlocks("README.md").find((block) => block.includes("SentenceTransformerTrainer"))!;
  for (const name of importedNames(code)) expect(dense).toHaveProperty(name);
  await saveSmallEncoder(join(root, "encoder"));
  const rows = ["red", "green", "blue"].map((word) =>
    JSON.stringify({ anchor: word, positive: `${word} is a colour` }),
  );
  await writeFile(join(root, "pairs.jsonl"), `${rows.join("\n")}\n`);
  const evaluated = { queries: { q: "red" }, corpus: { d: "red is a colour" }, relevantDocs: { q: new Set(["d"]) } };
  const { model, embedding } = await runCode(code, { ...dense, ...evaluated }, "model, embedding", {
    "jhu-clsp/ettin-encoder-17m": join(root, "encoder"),
    "pairs.jsonl": join(root, "pairs.jsonl"),
    "runs/mine": join(root, "mine"),
  });
  expect(embedding).toHaveLength(32);
  const metrics = await readFile(join(root, "mine/metrics.jsonl"), "utf8");
  expect(metrics).toContain('"eval_dev_cosine_ndcg@10":1');
  (model as dense.SentenceTransformer).dispose();
});
