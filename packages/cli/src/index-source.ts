/** What `ettin index` leaves beside an index, so that `ettin search` knows its model: encoder.json in the folder. */
import { readFile } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { EngineError, writeFileWhole } from "@ettin/core";

const FILE = "encoder.json";

export interface IndexSource {
  /** A folder's absolute path, or a name on the hub. */
  readonly model: string;
  readonly revision?: string;
  readonly truncateDim?: number;
  /** Columns of the metadata that the vectors were made of. */
  readonly textColumns: readonly string[];
}

export async function writeIndexSource(folder: string, source: IndexSource): Promise<void> {
  await writeFileWhole(join(folder, FILE), Buffer.from(`${JSON.stringify(source, null, 2)}\n`));
}

/** null where the index was made by a program, which leaves no such file. */
export async function readIndexSource(folder: string): Promise<IndexSource | null> {
  const text = await readFile(join(folder, FILE), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (text === null) return null;
  const { model, revision, truncateDim, textColumns } = parsed(text);
  if (typeof model !== "string") {
    throw new EngineError(
      "ettin index",
      `${join(folder, FILE)} names no model`,
      "Delete the file, and say the model: ettin search <index> --model <model>.",
    );
  }
  return {
    model,
    textColumns: Array.isArray(textColumns) ? textColumns.map(String) : [],
    ...(typeof revision === "string" && { revision }),
    ...(Number.isInteger(truncateDim) && { truncateDim: truncateDim! }),
  };
}

function parsed(text: string): Partial<IndexSource> {
  try {
    return (JSON.parse(text) ?? {}) as Partial<IndexSource>;
  } catch {
    return {};
  }
}

/** A model's name as it holds in any folder. */
export const lastingName = (model: string, isFolder: boolean): string =>
  isFolder && !isAbsolute(model) ? resolve(model) : model;
