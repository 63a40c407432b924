import { copyFile, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { checkHnswFile, type HnswFile } from "./hnsw-file.ts";
import { closeIfFails, HnswIndex } from "./hnsw-index.ts";
import { HnswWorker } from "./hnsw-worker.ts";
import { ItemTable } from "./item-table.ts";
import { Pauses } from "./pauses.ts";
import type { Json, VectorIndex, VectorMetric } from "./vector-index.ts";

export interface ImportHnswOptions {
  /** Numbers in a vector: the file does not say it. */
  dim: number;
  /** What the file was built for: it does not say that either. */
  space: "cosine" | "ip" | "l2";
  /** The id of each label of the file. @default the label itself, as a string */
  ids?: (label: number) => string;
  /** The metadata of each label. @default null */
  metadata?: (label: number) => Json;
  /** Fingerprint of the model that made the vectors. @default null */
  model?: string | null;
  /** Candidates that a search keeps. @default 128 */
  ef?: number;
}

const METRICS: Readonly<Record<ImportHnswOptions["space"], VectorMetric>> = {
  cosine: "cosine",
  ip: "dot",
  l2: "euclidean",
};

/**
 * A graph that hnswlib saved, in Python or elsewhere, as an index. The file is only read; `save` writes a folder.
 *
 *     const index = await importHnsw("passages.bin", { dim: 768, space: "cosine", ids: (label) => ids[label]! });
 */
export async function importHnsw(path: string, options: ImportHnswOptions): Promise<VectorIndex> {
  const where = "importHnsw";
  const { dim, space, ids = String, metadata = () => null, model = null, ef = 128 } = options;
  if (!Object.hasOwn(METRICS, space)) {
    throw new EngineError(where, `space is ${JSON.stringify(space)}`, "Use cosine, ip or l2.");
  }
  const file = await checkHnswFile(where, path, dim);
  const { count, room, labels, deleted, m, efConstruction } = file;
  const labelled = denseLabels(labels, count) ? null : Int32Array.from(labels.keys());
  const table = new ItemTable();
  const placeOf = (element: number) => labelled?.[element] ?? labels[element]!;
  const elementOf = new Int32Array(count);
  for (let element = 0; element < count; element++) elementOf[placeOf(element)] = element;
  for (const [place, element] of elementOf.entries()) {
    if (deleted[element]) {
      table.setFree(place);
      continue;
    }
    const id = ids(labels[element]!);
    if (typeof id !== "string" || table.placeOf(id) !== undefined) {
      throw new EngineError(
        where,
        `label ${labels[element]} has id ${JSON.stringify(id)}`,
        "Give each its own string.",
      );
    }
    table.set(place, id, metadata(labels[element]!));
  }

  const metric = METRICS[space];
  const worker = await HnswWorker.start(where, dim, metric);
  return closeIfFails(worker, async () => {
    if (labelled) await withLabels(path, file, labelled, (copy) => worker.call("read", { path: copy }));
    else await worker.call("read", { path });
    return new HnswIndex(worker, table, { dim, metric, model }, { m, efConstruction, ef }, room);
  });
}

/** Whether the labels are 0 to count − 1, in any order. */
function denseLabels(labels: Float64Array, count: number): boolean {
  return new Set(labels).size === count && labels.every((label) => label < count);
}

/** Reads a copy of the file that has other labels. */
async function withLabels(
  path: string,
  { count, elementBytes, labelOffset }: HnswFile,
  labels: Int32Array,
  read: (copy: string) => Promise<unknown>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "ettin-hnsw-"));
  try {
    const copy = join(folder, "graph.bin");
    await copyFile(path, copy);
    const file = await open(copy, "r+");
    try {
      const pauses = new Pauses();
      const bytes = Buffer.alloc(8);
      for (let element = 0; element < count; element++) {
        bytes.writeBigUInt64LE(BigInt(labels[element]!));
        await file.write(bytes, 0, 8, 96 + element * elementBytes + labelOffset);
        await pauses.take();
      }
    } finally {
      await file.close();
    }
    await read(copy);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
