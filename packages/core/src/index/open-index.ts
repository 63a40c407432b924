import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { ExactIndex } from "./exact-index.ts";
import { ExactRows } from "./exact-rows.ts";
import { openHnsw } from "./hnsw-index.ts";
import { readManifest, verifyFile } from "./index-folder.ts";
import { isCoded, type Manifest, rolesOf } from "./index-manifest.ts";
import { isSameModel } from "./model-fingerprint.ts";
import { readItems } from "./read-items.ts";
import { VectorBlocks } from "./vector-blocks.ts";
import type { VectorIndex } from "./vector-index.ts";

export interface OpenIndexOptions {
  /** Fingerprint of the model that encodes the queries. Of an index that has another it is an error. @default not compared */
  model?: string | null;
  /** Dimension of the queries: of an index that has another it is an error. @default not compared */
  dim?: number;
  /**
   * Read every file once to compare checksums. Without it only sizes are compared, and the vectors of an exact index
   * are not read before they are searched.
   *
   * @default true
   */
  verify?: boolean;
}

/**
 * Opens what `index.save` wrote. The vectors of an exact index stay in their file, which is mapped: several processes
 * share its memory. What is added or deleted changes this index, not the folder, until it is saved.
 *
 * @throws EngineError for a file that is missing, cut off or damaged, with its name and the place; for another model's
 *   or another dimension's index
 */
export async function openIndex(folder: string, options: OpenIndexOptions = {}): Promise<VectorIndex> {
  const where = "openIndex";
  for (let attempt = 0; ; attempt++) {
    const manifest = await readManifest(where, folder);
    checkWanted(where, folder, manifest, options);
    try {
      return await open(where, folder, manifest, options);
    } catch (error) {
      // It may have been replaced between its index.json and its files.
      const now = await readManifest(where, folder);
      if (attempt > 2 || JSON.stringify(now.files) === JSON.stringify(manifest.files)) throw error;
    }
  }
}

function checkWanted(where: string, folder: string, manifest: Manifest, { model, dim }: OpenIndexOptions): void {
  if (dim !== undefined && dim !== manifest.dim) {
    throw new EngineError(
      where,
      `${folder} has vectors of ${manifest.dim} numbers, but dim is ${dim}`,
      "Use the model and the truncateDim that made the index, or build it again.",
    );
  }
  if (model === undefined || model === null || manifest.model === null || isSameModel(model, manifest.model)) return;
  throw new EngineError(
    where,
    `${folder} was made by another model (its fingerprint is ${manifest.model}, this model's is ${model})`,
    "Use the model that made the index, or build the index again with this one.",
  );
}

async function open(
  where: string,
  folder: string,
  manifest: Manifest,
  { verify = true }: OpenIndexOptions,
): Promise<VectorIndex> {
  const { count, files, model } = manifest;
  for (const role of rolesOf(manifest)) await verifyFile(where, folder, files[role]!, verify);
  const places = manifest.hnsw?.places ?? count;
  const table = await readItems(where, join(folder, files.items!.name), places, count);
  if (manifest.kind === "hnsw") return openHnsw(where, folder, manifest, table);

  const { dim, metric } = manifest;
  const { storage, keepVectors, ranges, width } = manifest.exact!;
  const rows = new ExactRows({ dim, metric, storage, keepVectors }, ranges);
  if (count === 0) return new ExactIndex(rows, table, model);
  const blocksOf = (role: "vectors" | "codes", like: VectorBlocks): VectorBlocks => {
    const path = join(folder, files[role]!.name);
    if (files[role]!.bytes !== count * like.rowBytes) {
      throw new EngineError(
        where,
        `${path} has ${files[role]!.bytes} bytes, but ${count} vectors are ${count * like.rowBytes}`,
        "Build and save the index again.",
      );
    }
    return VectorBlocks.open(path, like.type, like.width);
  };
  const vectors = rows.vectors && blocksOf("vectors", new VectorBlocks("float32", width));
  const codes = isCoded(manifest.exact!) ? blocksOf("codes", rows.codes!) : null;
  return new ExactIndex(new ExactRows(rows.format, ranges, vectors, codes), table, model);
}
