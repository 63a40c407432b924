import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { createIndex, EngineError, importHnsw, isSameModel, modelFingerprint, openIndex } from "@ettin/core";
import { beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { clustered, named } from "./vectors.ts";

const folder = temporaryFolder();
const dim = 16;
interface Manifest {
  files: Record<string, { name: string; bytes: number; crc32: number[] }>;
}

beforeAll(async () => {
  for (const kind of ["exact", "hnsw"] as const) {
    const index = await createIndex({
      dim,
      kind,
      m: 4,
      model: "8:AQID",
      ...(kind === "exact" && { storage: "bfloat16" }),
    });
    await index.add({ ids: named(200), vectors: clustered(200, dim, 1), metadata: named(200) });
    await index.delete(["v9"]);
    await index.save(join(folder, kind));
    index.dispose();
  }
});

let copies = 0;
/** A copy of a saved folder, to be damaged. */
function copied(kind: string): { path: string; file: (role: string) => string; manifest: Manifest } {
  const path = join(folder, `copy-${copies++}`);
  mkdirSync(path);
  for (const name of readdirSync(join(folder, kind))) copyFileSync(join(folder, kind, name), join(path, name));
  const manifest: Manifest = JSON.parse(readFileSync(join(path, "index.json"), "utf8"));
  return { path, manifest, file: (role) => join(path, manifest.files[role]!.name) };
}

/** Changes a file and the checksums that index.json has of it. */
function forged(kind: string, role: string, change: (bytes: Buffer) => Buffer | undefined): string {
  const { path, file, manifest } = copied(kind);
  const bytes = readFileSync(file(role));
  const changed = change(bytes) ?? bytes;
  writeFileSync(file(role), changed);
  Object.assign(manifest.files[role]!, { bytes: changed.length, crc32: [crc32(changed)] });
  writeFileSync(join(path, "index.json"), JSON.stringify(manifest));
  return path;
}

const refused = (path: string, message: string | RegExp, options = {}) =>
  expect(openIndex(path, options)).rejects.toThrow(message);

describe("openIndex refuses, with file and place,", () => {
  test.each([
    ["exact", "vectors"],
    ["exact", "codes"],
    ["exact", "items"],
    ["hnsw", "graph"],
    ["hnsw", "items"],
  ])("an %s index whose %s are cut off, longer, missing or changed", async (kind, role) => {
    const cut = copied(kind);
    const bytes = readFileSync(cut.file(role));
    writeFileSync(cut.file(role), bytes.subarray(0, bytes.length - 5));
    await refused(cut.path, `has ${bytes.length - 5} bytes, but index.json says ${bytes.length}`);
    writeFileSync(cut.file(role), Buffer.concat([bytes, Buffer.from("x")]));
    await refused(cut.path, `has ${bytes.length + 1} bytes`);
    bytes[100]! ^= 4;
    writeFileSync(cut.file(role), bytes);
    await refused(
      cut.path,
      new RegExp(`${role}-.* is not what was saved: bytes 0 to ${bytes.length - 1} have another`),
    );
    rmSync(cut.file(role));
    await refused(cut.path, new RegExp(`${role}-.* is missing`));
  });

  test("a folder without an index, and an index.json that is none", async () => {
    await refused(
      join(folder, "nowhere"),
      /\[openIndex\] there is no .*index\.json\. Name the folder that index\.save wrote/,
    );
    const { path } = copied("exact");
    const wrong = async (text: string, message: string) => {
      writeFileSync(join(path, "index.json"), text);
      await refused(path, message);
    };
    await wrong('{"format": "ett', "is not JSON");
    await wrong("null", "is no index of Ettin");
    await wrong('{"format":"faiss"}', "is no index of Ettin");
    await wrong('{"format":"ettin-index","version":2}', "has version 2, but this program reads 1. Update @ettin/core");
  });

  test.each([
    ["exact", { dim: -1 }, "has dim -1"],
    ["exact", { dim: 17 }, "has rows of 16 numbers"],
    ["exact", { metric: "hamming" }, 'has metric "hamming"'],
    ["exact", { kind: "ivf" }, 'has kind "ivf"'],
    ["exact", { count: 1e12 }, "has count 1000000000000"],
    ["exact", { count: 198 }, /items-.*, line 199 \(byte \d+\) is one more than the 198 of index\.json/],
    ["exact", { files: {} }, "names no file of vectors"],
    ["exact", { exact: { storage: "float64" } }, 'has storage "float64"'],
    ["hnsw", { hnsw: { m: 4 } }, "has settings of HNSW"],
    ["hnsw", { count: 200 }, "has 199 items, but index.json 200"],
    ["hnsw", { dim: 15 }, "at byte 24, an element has 108 bytes, which are 16 dimensions"],
  ])("an index.json of %s with %o", async (kind, change, message) => {
    const { path, manifest } = copied(kind);
    writeFileSync(join(path, "index.json"), JSON.stringify({ ...manifest, ...change }));
    await refused(path, message);
  });

  test("names of files that lead out of the folder", async () => {
    const { path, manifest } = copied("exact");
    const file = { ...manifest.files.items!, name: "../items-1-a.jsonl" };
    writeFileSync(join(path, "index.json"), JSON.stringify({ ...manifest, files: { ...manifest.files, items: file } }));
    await refused(path, 'has the name "../items-1-a.jsonl" for items');
  });

  test.each([
    [/^.*\n/, "{}\n", "line 1 (byte 0) has no id that is a string"],
    [/^.*\n/, "[[\n", "line 1 (byte 0) is not JSON"],
    [/v1"/, 'v0"', 'line 2 (byte 28) has id "v0", as line 1'],
    [/^.*\n/, "", /is where the file ends, but index\.json has 199 lines/],
    [/\n$/, "", "is cut off"],
  ])("items of which %s is %o", async (pattern, text, message) => {
    await refused(
      forged("exact", "items", (bytes) => Buffer.from(bytes.toString().replace(pattern, text))),
      message,
    );
  });

  test("another model's vectors, and another dimension", async () => {
    const path = join(folder, "exact");
    await refused(path, /was made by another model \(its fingerprint is 8:AQID, this model's is 8:AQJ9\)/, {
      model: "8:AQJ9",
    });
    await refused(path, "has vectors of 16 numbers, but dim is 32", { dim: 32 });
    for (const options of [{ model: "8:AQID", dim }, { model: null }, {}]) (await openIndex(path, options)).dispose();
  });
});

describe("a graph that leads hnswlib out of its memory is refused, with the byte", () => {
  const header = 96;
  const element = 4 + 4 * 8 + 4 * dim + 8;
  const at =
    (offset: number, value: number, bytes = 4) =>
    (graph: Buffer) => {
      graph.writeUIntLE(value, offset, bytes);
      return undefined;
    };
  test.each<[string, (graph: Buffer) => Buffer | undefined, string]>([
    ["more room than memory", at(8, 2 ** 40, 6), "at byte 8, room for 1099511627776 elements"],
    ["more elements than bytes", at(16, 2 ** 30, 6), "at byte 16, there are 1073741824 elements in room for 1024"],
    ["another size of elements", at(24, 112, 6), "at byte 24, an element has 112 bytes, which are 17 dimensions"],
    ["an entry point that is not there", at(52, 500), "at byte 52, the entry point is element 500 of 200"],
    ["a level that the entry point has not", at(48, 9), "at byte 52, the entry point has"],
    ["more links than places", at(header, 9, 2), "at byte 96, there are 9 links in place of at most 8"],
    ["a link to nowhere", at(header + 4, 200), "at byte 100, a link leads to element 200 of 200"],
    ["a mark that is none", at(header + 2, 7, 1), "at byte 98, the mark of element 0 is 7"],
    ["a number that is none", at(header + 36, 0x7fc00000), "at byte 132, element 0 has a number that is not finite"],
    ["a label of 33 bits", at(header + element - 4, 1), "at byte 196, label 4294967"],
    ["upper levels of half a list", at(header + 200 * element, 7), "has 7 bytes of upper levels"],
    ["bytes after its end", (graph) => Buffer.concat([graph, Buffer.alloc(3)]), "3 bytes follow the last element"],
    ["an end before its end", (graph) => graph.subarray(0, graph.length - 2), "the file ends in"],
    ["a label twice", at(header + element - 8, 1), "has a label twice"],
    ["an item that it says is deleted", at(header + 2, 1, 1), "has element 0 deleted, but the items say otherwise"],
  ])("%s", async (_, change, message) => {
    await refused(forged("hnsw", "graph", change), message);
  });

  test("whatever bytes are changed, it is refused or searched, and the process lives", async () => {
    const { file } = copied("hnsw");
    const graph = readFileSync(file("graph"));
    let opened = 0;
    for (let round = 0; round < 60; round++) {
      const bytes = Buffer.from(graph);
      for (let i = 0; i < 3; i++)
        bytes[(round * 7919 + i * 104729 * (round + 1)) % bytes.length] = (round * 37 + i * 91) & 255;
      const path = join(folder, "fuzzed.bin");
      writeFileSync(path, bytes);
      try {
        const index = await importHnsw(path, { dim, space: "cosine" });
        opened++;
        await index.search(clustered(1, dim, 3)[0]!, { k: 50 });
        await index.add({ ids: ["new"], vectors: clustered(1, dim, 3) });
        index.dispose();
      } catch (error) {
        expect(error).toBeInstanceOf(EngineError);
      }
    }
    expect(opened).toBeGreaterThan(5);
  });
});

test("vectors that are not numbers are refused with their id, and nothing is added", async () => {
  for (const kind of ["exact", "hnsw"] as const) {
    const index = await createIndex({ dim: 4, kind });
    const vectors = [Float32Array.of(1, 2, 3, 4), Float32Array.of(1, 2, Number.NaN, 4)];
    await expect(index.add({ ids: ["a", "b"], vectors })).rejects.toThrow(
      '[VectorIndex.add] the vector of id "b" has NaN at dimension 2',
    );
    await expect(index.add({ ids: ["a"], vectors: [[1, 2, 3, Number.POSITIVE_INFINITY]] })).rejects.toThrow("Infinity");
    await expect(index.add({ ids: ["a"], vectors: [[1, 2, 3]] })).rejects.toThrow(
      'the vector of id "a" has 3 numbers, but the index 4. Encode with the model',
    );
    await expect(index.add({ ids: ["a", "a"], vectors })).rejects.toThrow('id "a" is there twice, at 0 and 1');
    await expect(index.add({ ids: ["a"], vectors })).rejects.toThrow("there are 1 ids, but 2 vectors of 4");
    await expect(index.add({ ids: ["a"], vectors: new Float32Array(6) })).rejects.toThrow("6 numbers, which are 1.5");
    await expect(index.add({ ids: [7] as never, vectors })).rejects.toThrow("id 0 is a number");
    await expect(index.add({ ids: ["a", "b"], vectors, metadata: [1] })).rejects.toThrow("metadata of 1");
    expect(index.size).toBe(0);
    await index.add({ ids: ["a"], vectors: vectors.slice(0, 1) });
    await expect(index.search([1, 2])).rejects.toThrow("[VectorIndex.search] the vector of query 0 has 2 numbers");
    await expect(index.search(vectors[1]!)).rejects.toThrow("query 0 has NaN");
    await expect(index.search(vectors[0]!, { k: 0 })).rejects.toThrow("k is 0");
    index.dispose();
    await expect(index.search(vectors[0]!)).rejects.toThrow("the index was disposed");
    await expect(index.add({ ids: ["c"], vectors: vectors.slice(0, 1) })).rejects.toThrow("the index was disposed");
  }
});

test("options that do not go together are refused", async () => {
  const wrong = (options: object, message: string) =>
    expect(createIndex({ dim: 8, ...options })).rejects.toThrow(`[createIndex] ${message}`);
  await wrong({ dim: 0 }, "dim is 0");
  await wrong({ dim: 12, storage: "binary" }, 'storage is "binary", but dim is 12');
  await wrong({ storage: "int8", metric: "euclidean" }, 'storage is "int8", but metric is "euclidean"');
  await wrong({ storage: "int8", kind: "hnsw" }, 'storage is "int8", but kind is "hnsw"');
  await wrong({ kind: "ivf" }, 'kind is "ivf"');
  await wrong({ m: 1 }, "m is 1");
  await wrong({ storage: "int8", ranges: { min: [1], max: [2] } }, "ranges have 1 and 1 numbers, but dim is 8");
});

test("a signal stops adding between vectors; those that are in stay", async () => {
  for (const kind of ["exact", "hnsw"] as const) {
    const index = await createIndex({ dim, kind });
    const controller = new AbortController();
    const onProgress = (done: number) => done >= 16 && controller.abort(new Error("enough"));
    const adding = index.add(
      { ids: named(60), vectors: clustered(60, dim, 1) },
      { onProgress, signal: controller.signal },
    );
    if (kind === "hnsw") await expect(adding).rejects.toThrow("enough");
    else await adding.catch(() => {});
    expect((await index.search(clustered(60, dim, 1)[2]!, { k: 1 }))[0]!.id).toBe("v2");
    expect(index.size).toBe(kind === "hnsw" ? 16 : 60);
    await index.add({ ids: ["later"], vectors: clustered(1, dim, 7) });
    index.dispose();
  }
});

test("a fingerprint tells models apart, and not their rounding", async () => {
  const model = (change: (x: number, d: number) => number) => ({
    encodeDocument: async (texts: readonly string[]) =>
      texts.map((text) => Float32Array.from({ length: 384 }, (_, d) => change(Math.sin(text.length + d * 1.3), d))),
  });
  const own = await modelFingerprint(model((x) => x));
  const rounded = await modelFingerprint(model((x) => Number(x.toFixed(2))));
  const other = await modelFingerprint(model((x, d) => x + 0.1 * Math.cos(3 * d)));
  const shorter = await modelFingerprint({ encodeDocument: async () => [new Float32Array(8).fill(1)] });
  expect(isSameModel(own, rounded)).toBe(true);
  expect(isSameModel(own, other)).toBe(false);
  expect(isSameModel(own, shorter)).toBe(false);
  expect([isSameModel("mine", "mine"), isSameModel("mine", "yours")]).toEqual([true, false]);
  await expect(modelFingerprint({ encodeDocument: async () => [new Float32Array(8)] })).rejects.toThrow(
    "[modelFingerprint] the model's greatest number for a text is 0",
  );
});
