import { readFileSync } from "node:fs";
import { createIndex, type IndexOptions, type Json, openIndex, type VectorIndex } from "@ettin/core";
import { afterEach, describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { bruteForce, clustered, named, recall } from "./vectors.ts";

const folder = temporaryFolder();
const dim = 24;
const opened: VectorIndex[] = [];
const keep = <T extends VectorIndex>(index: T): T => {
  opened.push(index);
  return index;
};
const make = async (options: Partial<IndexOptions> = {}) => keep(await createIndex({ dim, ...options }));
afterEach(() => {
  for (const index of opened.splice(0)) index.dispose();
});

type Filter = (id: string, metadata: Json) => boolean;
type Items = Map<string, { vector: Float32Array; metadata: Json }>;

async function filled(index: VectorIndex, count: number, seed = 1): Promise<Items> {
  const vectors = clustered(count, dim, seed);
  const ids = named(count);
  const metadata = ids.map((_, i) => ({ even: i % 2 === 0, i }));
  await index.add({ ids, vectors, metadata });
  return new Map(ids.map((id, i) => [id, { vector: vectors[i]!, metadata: metadata[i]! }]));
}

/** Ids in order, and scores to float32. */
async function expectExact(index: VectorIndex, items: Items, queries: Float32Array[], k: number, filter?: Filter) {
  const found = await index.searchBatch(queries, { k, ...(filter && { filter }) });
  queries.forEach((query, i) => {
    const right = bruteForce(items, query, index.metric, k, filter);
    expect(found[i]!.map(({ id }) => id)).toEqual(right.map(({ id }) => id));
    found[i]!.forEach(({ score, metadata, id }, place) => {
      expect(score).toBeCloseTo(right[place]!.score, 4);
      expect(metadata).toEqual(items.get(id)!.metadata);
    });
  });
}

const queries = clustered(12, dim, 5);
const numberOf = (metadata: Json) => (metadata as { i: number }).i;
const isThird: Filter = (_, metadata) => numberOf(metadata) % 3 === 0;
const isRare: Filter = (_, metadata) => numberOf(metadata) % 97 === 5;

describe.each(["cosine", "dot", "euclidean"] as const)("an exact index by %s", (metric) => {
  test("finds what looking at every vector finds", async () => {
    const index = await make({ metric });
    const items = await filled(index, 700);
    await expectExact(index, items, queries, 10);
    await expectExact(index, items, queries, 1);
  });

  test("a filter leaves the best of those that it takes, be they many or few", async () => {
    const index = await make({ metric });
    const items = await filled(index, 700);
    await expectExact(index, items, queries, 10, isThird);
    await expectExact(index, items, queries, 10, isRare); // 8 of 700
    expect(await index.search(queries[0]!, { filter: () => false })).toEqual([]);
  });

  test("deleted ids are gone, added ones replace, and a folder brings it all back", async () => {
    const index = await make({ metric });
    const items = await filled(index, 300);
    expect(await index.delete(["v3", "v4", "nobody", "v3"])).toBe(2);
    const vector = clustered(1, dim, 77)[0]!;
    await index.add({ ids: ["v5", "v3"], vectors: [vector, vector], metadata: [null, "back"] });
    items.delete("v4");
    items.set("v5", { vector, metadata: null });
    items.delete("v3");
    items.set("v3", { vector, metadata: "back" });
    expect(index.size).toBe(299);
    expect([index.has("v4"), index.has("v3")]).toEqual([false, true]);
    items.delete("v5"); // the same vector as v3: either may come first
    await index.delete(["v5"]);
    await expectExact(index, items, [...queries, vector], 10);

    await index.save(`${folder}/${metric}`);
    const again = keep(await openIndex(`${folder}/${metric}`));
    expect([again.kind, again.dim, again.metric, again.size]).toEqual(["exact", dim, metric, 298]);
    await expectExact(again, items, [...queries, vector], 10);
    expect([...again.ids()].sort()).toEqual([...items.keys()].sort());

    // and it goes on from there: rows of the file are deleted and replaced in memory
    await again.delete(["v10"]);
    items.delete("v10");
    await again.add({ ids: ["v11"], vectors: [vector.map((x) => x + 1)], metadata: ["new"] });
    items.set("v11", { vector: vector.map((x) => x + 1), metadata: "new" });
    await expectExact(again, items, [...queries, vector], 10);
    await again.save(`${folder}/${metric}`);
    await expectExact(keep(await openIndex(`${folder}/${metric}`)), items, [...queries, vector], 10);
  });
});

describe.each(["bfloat16", "int8", "binary"] as const)("vectors stored as %s", (storage) => {
  test("the best candidates are scored again with the floats that were kept", async () => {
    const index = await make({ storage });
    const items = await filled(index, 1200);
    expect(await recall(index, items, queries, 10)).toBeGreaterThan(storage === "binary" ? 0.7 : 0.99);
    const [best] = await index.search(items.get("v8")!.vector, { k: 1, rescoreMultiplier: 20 });
    expect(best).toEqual({ id: "v8", score: expect.closeTo(1, 6), metadata: items.get("v8")!.metadata });

    await index.save(`${folder}/${storage}`);
    const again = keep(await openIndex(`${folder}/${storage}`));
    expect(await again.searchBatch(queries, { k: 7 })).toEqual(await index.searchBatch(queries, { k: 7 }));
    expect((await again.get("v8"))!.vector).toEqual((await index.get("v8"))!.vector);
  });

  test("without floats, scores are those of what is left of the vectors", async () => {
    const index = await make({ storage, keepVectors: false });
    const items = await filled(index, 1200);
    expect(await recall(index, items, queries, 10)).toBeGreaterThan(storage === "binary" ? 0.35 : 0.9);
    const hit = (await index.search(queries[0]!, { k: 1 }))[0]!;
    const { vector } = (await index.get(hit.id))!;
    const unit = Math.hypot(...queries[0]!);
    expect(hit.score).toBeCloseTo(
      vector.reduce((sum, x, d) => sum + (x * queries[0]![d]!) / unit, 0),
      5,
    );
    await index.save(`${folder}/${storage}-only`);
    const again = keep(await openIndex(`${folder}/${storage}-only`));
    expect(await again.searchBatch(queries)).toEqual(await index.searchBatch(queries));
  });
});

test("int8 without ranges waits for 1,000 vectors to take them from", async () => {
  const index = await make({ storage: "int8" });
  const items = await filled(index, 999);
  await expectExact(index, items, queries, 10); // float32 so far
  await index.save(`${folder}/early`);
  const again = keep(await openIndex(`${folder}/early`));
  await expectExact(again, items, queries, 10);
  const vector = clustered(1, dim, 3)[0]!;
  await again.add({ ids: ["last"], vectors: [vector] });
  await again.save(`${folder}/early`);
  const { exact } = JSON.parse(readFileSync(`${folder}/early/index.json`, "utf8"));
  expect(exact.ranges.min).toHaveLength(dim);
});

test("many deleted rows are left out of a copy, and nothing changes for a search", async () => {
  const index = await make();
  const items = await filled(index, 3200);
  const gone = named(1900);
  expect(await index.delete(gone)).toBe(1900);
  for (const id of gone) items.delete(id);
  await expectExact(index, items, queries, 10);
  await index.add({ ids: ["new"], vectors: [queries[0]!], metadata: ["n"] });
  items.set("new", { vector: queries[0]!, metadata: "n" });
  await expectExact(index, items, queries, 10);
});

test("searches go on while vectors are added and deleted", async () => {
  const index = await make();
  const items = await filled(index, 2000);
  const adding = index.add({ ids: named(3000, 5000), vectors: clustered(3000, dim, 9).map((v) => v.map((x) => -x)) });
  const deleting = index.delete(named(1200));
  const found = await Promise.all(queries.map((query) => index.search(query, { k: 5 })));
  await Promise.all([adding, deleting]);
  for (const hits of found) expect(hits.length).toBeGreaterThan(0);
  expect(index.size).toBe(2000 + 3000 - 1200);
  for (const id of named(1200)) items.delete(id);
  expect((await index.search(items.get("v1500")!.vector, { k: 1 }))[0]!.id).toBe("v1500");
});

test("an empty index finds nothing, and is saved and opened like others", async () => {
  const index = await make({ model: "m" });
  expect(await index.search(queries[0]!)).toEqual([]);
  expect(await index.searchBatch([])).toEqual([]);
  await index.save(`${folder}/empty`);
  const again = keep(await openIndex(`${folder}/empty`));
  expect([again.size, again.model]).toEqual([0, "m"]);
  await again.add({ ids: ["a"], vectors: [queries[0]!] });
  expect((await again.search(queries[0]!))[0]!.id).toBe("a");
});

test("ids are any strings and metadata is any JSON", async () => {
  const index = await make();
  const ids = ["", "__proto__", "line\nbreak", "🐟", "\ud800 alone", '"quoted"', "5000000000"];
  const metadata: Json[] = [null, [1, 2], { a: { b: null } }, "text\u2028", 0.1, false, { __proto__: 1 }];
  await index.add({ ids, vectors: clustered(7, dim, 1), metadata });
  await index.save(`${folder}/odd`);
  const again = keep(await openIndex(`${folder}/odd`));
  for (const [i, id] of ids.entries()) expect((await again.get(id))!.metadata).toEqual(metadata[i]);
});

test("vectors may come in one array", async () => {
  const index = await make();
  const flat = Float32Array.from(clustered(5, dim, 1).flatMap((v) => [...v]));
  await index.add({ ids: named(5), vectors: flat });
  const hits = await index.searchBatch(flat, { k: 1 });
  expect(hits.map(([hit]) => hit!.id)).toEqual(named(5));
});

test("auto is exact up to 100,000 vectors", async () => {
  expect((await make({ kind: "auto" })).kind).toBe("exact");
  expect((await make({ kind: "auto", expected: 100_000 })).kind).toBe("exact");
  expect((await make({ kind: "auto", expected: 100_001 })).kind).toBe("hnsw");
});
