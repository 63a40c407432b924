import { EngineError } from "../errors.ts";
import { ConcatTable } from "./concat-table.ts";
import type { DataFormat } from "./data-format.ts";
import { concatenateDatasets, Dataset } from "./dataset.ts";
import { findDataFiles } from "./find-data-files.ts";
import { loadFile } from "./load-file.ts";
import { checkLoading, type LoadDatasetOptions } from "./load-options.ts";
import { parseSplit } from "./split-part.ts";
import type { Row } from "./table.ts";

/**
 * Opens a dataset: JSON lines, JSON, CSV, TSV, Parquet, Arrow IPC, text or MDS shards; from a file, a folder whose
 * files name their splits, a pattern of files, or a dataset of the Hugging Face hub. Text formats may be packed (.gz,
 * .zst).
 *
 *     await loadDataset("pairs.jsonl");
 *     await loadDataset("data", { split: "validation" });
 *     await loadDataset("sentence-transformers/all-nli", { name: "triplet", split: "train[:10000]" });
 *
 * Rows stay off the JavaScript heap: those of plain text formats in their file, which is read on demand, others in
 * memory. Everything is read through once, so that a row that does not parse is found now.
 *
 * @throws EngineError naming file and line, the missing split, or what there is
 */
export async function loadDataset<R extends Row = Row>(
  source: string,
  options: LoadDatasetOptions = {},
): Promise<Dataset<R>> {
  const where = "loadDataset";
  checkLoading(where, source, options);
  const parts = options.split === undefined ? null : parseSplit(where, options.split);
  const wanted = parts && [...new Set(parts.map(({ split }) => split))];
  const { splits, format } = await findDataFiles(where, source, options, wanted);
  if (!parts) {
    const [first, ...others] = splits.values();
    if (others.length === 0) return loadFiles<R>(where, first!, format, options);
    throw new EngineError(
      where,
      `${source} has the splits ${[...splits.keys()].join(", ")}`,
      'Choose one, as in split: "train", or call loadDatasetDict.',
    );
  }
  const loaded = new Map<string, Dataset<R>>();
  for (const [split, files] of splits) loaded.set(split, await loadFiles<R>(where, files, format, options));
  const chosen = parts.map(({ split, rows }) => {
    const dataset = loaded.get(split);
    if (!dataset) {
      throw new EngineError(
        where,
        `${source} has no split ${JSON.stringify(split)}`,
        `It has ${[...splits.keys()].join(", ")}.`,
      );
    }
    const [start, end] = rows(dataset.length);
    return dataset.skip(start).take(Math.max(end - start, 0));
  });
  return chosen.length === 1 ? chosen[0]! : concatenateDatasets(chosen);
}

/** All splits, by name: see `loadDataset`. */
export async function loadDatasetDict<R extends Row = Row>(
  source: string,
  options: Omit<LoadDatasetOptions, "split"> = {},
): Promise<Record<string, Dataset<R>>> {
  const where = "loadDatasetDict";
  if ("split" in options && options.split !== undefined) {
    throw new EngineError(where, "split is given, but all splits are loaded", "Call loadDataset, or leave it out.");
  }
  checkLoading(where, source, options);
  const { splits, format } = await findDataFiles(where, source, options, null);
  const datasets: [string, Dataset<R>][] = [];
  for (const [split, files] of splits) datasets.push([split, await loadFiles<R>(where, files, format, options)]);
  return Object.fromEntries(datasets);
}

async function loadFiles<R extends Row>(
  where: string,
  files: readonly string[],
  format: DataFormat | null,
  options: LoadDatasetOptions,
): Promise<Dataset<R>> {
  const tables = [];
  for (const file of files) tables.push(await loadFile(where, file, format ?? undefined, options));
  const dataset = Dataset.over<R>(tables.length === 1 ? tables[0]! : new ConcatTable(tables));
  const { columns } = options;
  if (!columns) return dataset;
  const missing = columns.find((name) => !Object.hasOwn(dataset.features, name));
  if (missing !== undefined) {
    throw new EngineError(
      where,
      `there is no column ${JSON.stringify(missing)} in ${files.length === 1 ? files[0] : `${files.length} files`}`,
      `Columns are ${dataset.columnNames.join(", ")}.`,
    );
  }
  return dataset.selectColumns(columns) as unknown as Dataset<R>;
}
