import { readFileSync, writeFileSync } from "node:fs";
import { createIndex, type IndexOptions, importHnsw, openIndex, type VectorIndex } from "@ettin/core";
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
const make = async (options: Partial<IndexOptions> = {}) => keep(await createIndex({ dim, kind: "hnsw", ...options }));
afterEach(() => {
  for (const index of opened.splice(0)) index.dispose();
});

const queries = clustered(40, dim, 5);

async function filled(index: VectorIndex, count: number, seed = 1) {
  const vectors = clustered(count, dim, seed);
  await index.add({ ids: named(count), vectors, metadata: vectors.map((_, i) => i) });
  return new Map(named(count).map((id, i) => [id, { vector: vectors[i]!, metadata: i }]));
}

describe.each(["cosine", "dot", "euclidean"] as const)("an HNSW index by %s", (metric) => {
  test("finds nearly all that looking at every vector finds, with its scores", async () => {
    const index = await make({ metric });
    const items = await filled(index, 1500);
    expect(await recall(index, items, queries, 10)).toBeGreaterThanOrEqual(metric === "dot" ? 0.9 : 0.98);
    const [hit] = await index.search(queries[0]!, { k: 1 });
    expect(hit!.score).toBeCloseTo(bruteForce(items, queries[0]!, metric, 1)[0]!.score, 4);
    expect(hit!.metadata).toBe(items.get(hit!.id)!.metadata);
  });
});

test("more candidates find more", async () => {
  const index = await make({ m: 4, efConstruction: 20 });
  const items = await filled(index, 1500);
  const few = await recall(index, items, queries, 10, { ef: 10 });
  expect(few).toBeLessThan(await recall(index, items, queries, 10, { ef: 300 }));
});

test("deleted ids are never found; their places are given to new ones, and recall stays", async () => {
  const index = await make();
  const items = await filled(index, 1500);
  for (let round = 0; round < 3; round++) {
    const gone = [...items.keys()].slice(0, 600);
    expect(await index.delete([...gone, "nobody"])).toBe(600);
    for (const id of gone) items.delete(id);
    const hits = (await index.searchBatch(queries, { k: 20 })).flat();
    expect(hits.filter(({ id }) => !items.has(id))).toEqual([]);
    const vectors = clustered(600, dim, 50 + round);
    const ids = named(600, 10_000 * (round + 1));
    await index.add({ ids, vectors, metadata: ids });
    ids.forEach((id, i) => {
      items.set(id, { vector: vectors[i]!, metadata: id as never });
    });
  }
  expect(index.size).toBe(1500);
  expect(await recall(index, items, queries, 10)).toBeGreaterThanOrEqual(0.98);
  // No place was added: the folder tells.
  await index.save(`${folder}/places`);
  const { hnsw } = JSON.parse(readFileSync(`${folder}/places/index.json`, "utf8"));
  expect(hnsw.places).toBe(1500);
});

test("adding an id again replaces its vector and its metadata", async () => {
  const index = await make();
  const items = await filled(index, 500);
  const far = clustered(1, dim, 123)[0]!.map((x) => -3 * x);
  await index.add({ ids: ["v7"], vectors: [far], metadata: ["moved"] });
  expect(index.size).toBe(500);
  expect((await index.search(far, { k: 1 }))[0]).toMatchObject({ id: "v7", metadata: "moved" });
  const near = await index.search(items.get("v7")!.vector, { k: 500 });
  expect(near.filter(({ id }) => id === "v7")).toHaveLength(1);
});

test("a filter is asked for every item, and may not find many", async () => {
  const index = await make();
  const items = await filled(index, 1500);
  const rare = (_: string, metadata: unknown) => (metadata as number) % 300 === 4; // 5 of 1500
  const found = await index.searchBatch(queries, { k: 10, filter: rare });
  queries.forEach((query, i) => {
    expect(found[i]!.map(({ id }) => id)).toEqual(
      bruteForce(items as never, query, "cosine", 10, rare).map(({ id }) => id),
    );
  });
  expect(await index.search(queries[0]!, { filter: () => false })).toEqual([]);
  await expect(
    index.search(queries[0]!, {
      filter: () => {
        throw new Error("mine");
      },
    }),
  ).rejects.toThrow("mine");
});

test("a folder brings it back, deleted places too, and it goes on from there", async () => {
  const index = await make({ metric: "euclidean", m: 8, ef: 50, model: "fingerprint" });
  await filled(index, 1100);
  await index.delete(named(100));
  await index.save(`${folder}/graph`);
  const again = keep(await openIndex(`${folder}/graph`, { model: "fingerprint", dim }));
  expect([again.kind, again.size, again.metric, again.model]).toEqual(["hnsw", 1000, "euclidean", "fingerprint"]);
  expect(await again.searchBatch(queries)).toEqual(await index.searchBatch(queries));
  await again.add({ ids: named(300, 5000), vectors: clustered(300, dim, 4) });
  expect(again.size).toBe(1300);
  expect((await again.search(clustered(300, dim, 4)[0]!, { k: 1 }))[0]!.id).toBe("v5000");
  await again.save(`${folder}/graph`);
  expect(keep(await openIndex(`${folder}/graph`)).size).toBe(1300);
});

test("an empty one is saved and opened like others; k may be more than there is", async () => {
  const index = await make();
  expect(await index.search(queries[0]!)).toEqual([]);
  await index.save(`${folder}/none`);
  const again = keep(await openIndex(`${folder}/none`));
  await again.add({ ids: ["a", "b"], vectors: queries.slice(0, 2) });
  expect((await again.search(queries[0]!, { k: 50 })).map(({ id }) => id)).toEqual(["a", "b"]);
  await again.delete(["a", "b"]);
  expect(await again.search(queries[0]!)).toEqual([]);
  await again.add({ ids: ["c"], vectors: [queries[2]!] });
  expect((await again.search(queries[0]!)).map(({ id }) => id)).toEqual(["c"]);
});

test("a plain file of hnswlib becomes an index", async () => {
  const index = await make();
  const items = await filled(index, 400);
  await index.delete(["v3"]);
  await index.save(`${folder}/plain`);
  const { files } = JSON.parse(readFileSync(`${folder}/plain/index.json`, "utf8"));
  const path = `${folder}/plain/${files.graph.name}`;
  const imported = keep(await importHnsw(path, { dim, space: "cosine", ids: (label) => `v${label}` }));
  expect([imported.size, imported.has("v3")]).toEqual([399, false]);
  items.delete("v3");
  expect(await recall(imported, items, queries, 10)).toBeGreaterThanOrEqual(0.98);
  await imported.add({ ids: ["v3"], vectors: [queries[0]!] });
  expect((await imported.search(queries[0]!, { k: 1 }))[0]!.id).toBe("v3");
  await expect(importHnsw(path, { dim: 25, space: "cosine" })).rejects.toThrow(
    /\[importHnsw\] .* is no whole file of hnswlib for 25 dimensions: at byte 24, an element has 236 bytes, which are 24 dimensions/,
  );
});

test("labels of a plain file need not follow each other", async () => {
  const index = await make({ m: 16 });
  const items = await filled(index, 400);
  await index.save(`${folder}/labels`);
  const { files } = JSON.parse(readFileSync(`${folder}/labels/index.json`, "utf8"));
  const graph = readFileSync(`${folder}/labels/${files.graph.name}`);
  const element = 4 + 4 * 32 + 4 * dim + 8; // links, vector, label
  for (let i = 0; i < 400; i++) {
    const at = 96 + (i + 1) * element - 8;
    graph.writeBigUInt64LE(5_000n - 7n * graph.readBigUInt64LE(at), at);
  }
  const path = `${folder}/sparse.bin`;
  writeFileSync(path, graph);
  const imported = keep(await importHnsw(path, { dim, space: "cosine", ids: (label) => `v${(5000 - label) / 7}` }));
  expect(await recall(imported, items, queries, 10)).toBeGreaterThanOrEqual(0.98);
  await imported.delete(["v9"]);
  await imported.add({ ids: ["new"], vectors: [items.get("v9")!.vector] });
  expect((await imported.search(items.get("v9")!.vector, { k: 1 }))[0]!.id).toBe("new");
  expect(readFileSync(path).equals(graph)).toBe(true); // the file is only read
});

test("building leaves JavaScript's thread free", async () => {
  const index = await make();
  const vectors = clustered(3000, dim, 1);
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 2);
  const begin = performance.now();
  await index.add({ ids: named(3000), vectors });
  clearInterval(timer);
  expect(longest).toBeLessThan((performance.now() - begin) / 2);
});
