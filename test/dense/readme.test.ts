import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as dense from "@ettin/dense";
import { expect, test } from "vitest";
import { saveSmallEncoder } from "../support/dense-model.ts";
import { temporaryFolder } from "../support/folder.ts";
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
  const [, encoding, indexing] = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);
  const kept: unknown[] = [];
  const names = {
    ...dense,
    model,
    texts: ["a", "b"],
    lines: ["c", "d", "e"],
    keep: async (texts: unknown) => kept.push(texts),
  };
  const AsyncFunction = (async () => {}).constructor as new (
    ...args: string[]
  ) => (...values: unknown[]) => Promise<object>;
  const run = (code: string, more: object, results: string) => {
    const all = { ...names, ...more };
    return new AsyncFunction(...Object.keys(all), `${code}\nreturn { ${results} };`)(...Object.values(all));
  };
  const encoded = await run(encoding!, {}, "a, b, query, bits, data, shape");
  expect(encoded).toMatchObject({
    query: expect.any(Float32Array),
    bits: [expect.any(Uint8Array), expect.any(Uint8Array)],
  });
  expect(encoded).toMatchObject({ shape: [1, 1] });
  expect(kept).toEqual([["c", "d", "e"]]);
  const vectors = await model.encode(["a", "b"]);
  const code = indexing!.replaceAll("passages.index", join(root, "passages.index").replaceAll("\\", "/"));
  const found = (await run(code, { query: vectors[0], vectors }, "index, hits, again")) as Record<
    string,
    dense.VectorIndex
  >;
  expect(found.hits).toEqual([{ id: "a", score: expect.closeTo(1, 5), metadata: { lang: "en" } }]);
  expect(found.again!.size).toBe(2);
  found.index!.dispose();
  found.again!.dispose();
  model.dispose();
});
