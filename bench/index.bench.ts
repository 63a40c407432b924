import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createIndex, openCpu, openIndex, setDefaultDevice, type VectorIndex, type VectorStorage } from "@ettin/core";
import { clusteredVectors } from "./support/clustered-vectors.ts";
import { compiledPeer, hnswlibHeaders, runPeer } from "./support/compiled-peer.ts";

export const name = "Index: exact and HNSW, one thread, recall@10 (hnswlib in C++ beside us on the same vectors)";

interface Options {
  quick: boolean;
  /** A file of float32 rows of 768, in place of clustered ones; its last 1,000 rows are the queries. */
  vectors?: string;
  /** Only parts whose name has one of these words, separated by spaces: conversion, exact, hnsw, peer. @default all */
  only?: string;
}

const K = 10;
const [M, EF_CONSTRUCTION] = [16, 200];
const EFS = [16, 32, 64, 128];

interface Data {
  readonly dim: number;
  readonly rows: number;
  readonly vectors: Float32Array;
  readonly queries: Float32Array[];
  /** The ids of the nearest, by query. */
  truth: string[][];
}

export async function run(options: Options): Promise<void> {
  const wanted = (part: string) => !options.only || options.only.split(" ").includes(part);
  setDefaultDevice(openCpu({ threads: 1 }));
  const data = read(options);
  console.log(`  ${data.rows} vectors of ${data.dim}, ${data.queries.length} queries, k ${K}\n`);
  const folder = mkdtempSync(join(tmpdir(), "ettin-index-bench-"));
  try {
    if (wanted("conversion")) conversion(data.dim);
    await exact(data, folder, wanted("exact"));
    if (wanted("hnsw")) await hnsw(data, folder);
    if (wanted("peer")) peer(data, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function read({ quick, vectors: path }: Options): Data {
  const dim = quick && !path ? 128 : 768;
  const [rows, count] = quick ? [5000, 200] : [100_000, 1000];
  let all: Float32Array;
  if (path) {
    const bytes = readFileSync(path);
    all = new Float32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4));
    all = all.subarray(0, Math.min(rows + count, Math.floor(all.length / dim)) * dim);
  } else all = clusteredVectors(rows + count, dim, 7, quick ? 100 : 1000);
  const kept = all.length / dim - count;
  return {
    dim,
    rows: kept,
    vectors: all.subarray(0, kept * dim),
    queries: Array.from({ length: count }, (_, i) => all.subarray((kept + i) * dim, (kept + i + 1) * dim)),
    truth: [],
  };
}

/** What hnswlib-node costs for a vector beside hnswlib: it takes plain arrays, and reads them number by number. */
function conversion(dim: number): void {
  const { HierarchicalNSW } = createRequire(import.meta.url)("hnswlib-node");
  const typed = Float32Array.from({ length: dim }, (_, d) => Math.sin(d));
  const plain: number[] = new Array(dim).fill(0.5);
  const one = new HierarchicalNSW("ip", dim);
  one.initIndex(1);
  one.addPoint(plain, 0);
  const small = new HierarchicalNSW("ip", 1);
  small.initIndex(1);
  small.addPoint([1], 0);
  const fill = () => {
    for (let d = 0; d < dim; d++) plain[d] = typed[d]!;
  };
  const [copied, filled] = [time(() => Array.from(typed)), time(fill)];
  const reading = time(() => one.searchKnn(plain, 1)) - time(() => small.searchKnn([1], 1));
  console.log(
    `  conversion of one vector: Array.from ${copied.toFixed(1)} µs, an array that is filled again ${filled.toFixed(1)} µs (ours); ` +
      `read by hnswlib-node ${reading.toFixed(1)} µs\n`,
  );
}

/** Microseconds a call: the fastest of five runs. */
function time(work: () => void): number {
  for (let i = 0; i < 500; i++) work();
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run++) {
    const begin = performance.now();
    for (let i = 0; i < 1000; i++) work();
    best = Math.min(best, performance.now() - begin);
  }
  return best; // of a thousand, in ms
}

async function exact(data: Data, folder: string, isWanted: boolean): Promise<void> {
  const storages: VectorStorage[] = isWanted ? ["float32", "bfloat16", "int8", "binary"] : ["float32"];
  for (const storage of storages) {
    const index = await createIndex({ dim: data.dim, kind: "exact", storage });
    const added = await seconds(() => index.add({ ids: ids(data.rows), vectors: data.vectors }));
    if (storage === "float32") {
      const found = await index.searchBatch(data.queries, { k: K });
      data.truth = found.map((hits) => hits.map(({ id }) => id));
    }
    if (isWanted) {
      const [alone, together, recall] = await searched(index, data, { count: 50 });
      const saved = await seconds(() => index.save(join(folder, storage)));
      const opened = await seconds(async () => (await openIndex(join(folder, storage))).dispose());
      console.log(
        `  exact ${storage.padEnd(8)} add ${added.toFixed(1)} s, save ${saved.toFixed(1)} s, open ${opened.toFixed(2)} s; ` +
          `search ${alone.toFixed(2)} ms, in batches ${together.toFixed(3)} ms; recall@${K} ${recall.toFixed(4)}`,
      );
      rmSync(join(folder, storage), { recursive: true, force: true });
    }
    index.dispose();
  }
  if (isWanted) console.log();
}

async function hnsw(data: Data, folder: string): Promise<void> {
  const index = await createIndex({
    ...{ dim: data.dim, kind: "hnsw", m: M, efConstruction: EF_CONSTRUCTION, expected: data.rows },
  });
  const built = await seconds(() => index.add({ ids: ids(data.rows), vectors: data.vectors }));
  const rate = (data.rows / built).toFixed(0);
  console.log(`  hnsw ours: build ${built.toFixed(1)} s (${rate}/s), M ${M}, efConstruction ${EF_CONSTRUCTION}`);
  for (const ef of EFS) {
    const [alone, together, recall] = await searched(index, data, { ef });
    console.log(
      `    ef ${`${ef}`.padStart(3)}: one by one ${alone.toFixed(3)} ms, in batches ${together.toFixed(3)} ms; recall@${K} ${recall.toFixed(4)}`,
    );
  }
  const saved = await seconds(() => index.save(join(folder, "hnsw")));
  const opened = await seconds(async () => (await openIndex(join(folder, "hnsw"))).dispose());
  console.log(`    save ${saved.toFixed(1)} s, open ${opened.toFixed(1)} s\n`);
  index.dispose();
}

interface PeerLine {
  readonly build_s: number;
  readonly searches: readonly { ef: number; ms: number; recall: number }[];
}

/** The same graph from C++, compiled for this machine and, as hnswlib-node is, for any. */
function peer(data: Data, folder: string): void {
  const headers = hnswlibHeaders();
  const file = (name: string, values: Float32Array | Int32Array): string => {
    const path = join(folder, name);
    writeFileSync(path, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return path;
  };
  const flat = new Float32Array(data.queries.length * data.dim);
  data.queries.forEach((query, i) => {
    flat.set(query, i * data.dim);
  });
  const truth = Int32Array.from(data.truth.flat(), Number);
  const files = [file("vectors.bin", data.vectors), file("queries.bin", flat), file("truth.bin", truth)];
  for (const flags of [["-march=native"], []]) {
    const program = compiledPeer("hnswlib.cpp", folder, ["-O3", ...flags, `-I${headers.folder}`]);
    if (!program) return;
    const settings = [data.dim, M, EF_CONSTRUCTION, K, EFS.join(",")].map(String);
    const { build_s, searches } = runPeer<PeerLine>(program, [...files, ...settings]);
    console.log(
      `  hnswlib in C++ (${headers.from}, ${["-O3", ...flags].join(" ")}): build ${build_s.toFixed(1)} s (${(data.rows / build_s).toFixed(0)}/s)`,
    );
    for (const { ef, ms, recall } of searches) {
      console.log(`    ef ${`${ef}`.padStart(3)}: ${ms.toFixed(3)} ms; recall@${K} ${recall.toFixed(4)}`);
    }
  }
}

const ids = (rows: number): string[] => Array.from({ length: rows }, (_, i) => String(i));

/** Milliseconds a query, one after the other and in batches, the faster of two runs; and the share of the nearest. */
async function searched(
  index: VectorIndex,
  data: Data,
  { ef, count = data.queries.length }: { ef?: number; count?: number },
): Promise<[alone: number, together: number, recall: number]> {
  const options = { k: K, ...(ef === undefined ? {} : { ef }) };
  let [alone, together] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  let found = await index.searchBatch(data.queries, options);
  for (let run = 0; run < 2; run++) {
    const one = await seconds(async () => {
      for (const query of data.queries.slice(0, count)) await index.search(query, options);
    });
    alone = Math.min(alone, (1e3 * one) / count);
    const all = await seconds(async () => {
      found = await index.searchBatch(data.queries, options);
    });
    together = Math.min(together, (1e3 * all) / data.queries.length);
  }
  const hits = found.map((each, i) => {
    const right = new Set(data.truth[i]);
    return each.filter(({ id }) => right.has(id)).length;
  });
  return [alone, together, hits.reduce((sum, n) => sum + n, 0) / (K * data.queries.length)];
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1e3;
}
