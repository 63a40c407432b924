import { EngineError } from "../errors.ts";
import type { CsvOptions } from "../formats/csv.ts";
import type { SampleBy } from "../formats/text.ts";
import type { HubOptions } from "../hub/hub-options.ts";
import { checkOptions, type OptionNames } from "../known-options.ts";
import type { DataFormat } from "./data-format.ts";

export interface LoadDatasetOptions extends Omit<HubOptions, "repoType">, CsvOptions {
  /**
   * A part of a repository or folder that has several, such as "triplet": one that the README declares (the hub's
   * configurations), else the folder of that name.
   *
   * @default the only one, or the README's default
   */
  name?: string;
  /**
   * Which rows: a split, or a part of one as Python's `datasets` writes it: "train[:1000]", "train[10%:20%]",
   * "train+test".
   *
   * @default the only split there is
   */
  split?: string;
  /**
   * Files, or patterns of files within the folder or repository (`*` any characters but "/", `**` that too): of the
   * split "train", or of each split named.
   *
   * @default all, by their names
   */
  dataFiles?: string | readonly string[] | Readonly<Record<string, string | readonly string[]>>;
  /** @default by the files' names */
  format?: DataFormat;
  /** Columns to have, in this order. Of Parquet and Arrow only these are read. @default all */
  columns?: readonly string[];
  /** The part of a JSON document that has the rows: "data", or "a.b" inside of a. @default the document */
  field?: string;
  /** What a row of a text file is. @default "line" */
  sampleBy?: SampleBy;
  /** Leaves the line's end at every line of a text file. @default false */
  keepLinebreaks?: boolean;
  /**
   * Rows that do not parse, or have more or fewer values than there are columns: an error that names file and line, or
   * they are left out, and a warning says how many.
   *
   * @default "error"
   */
  onBadRow?: "error" | "skip";
  /**
   * Of MDS: whether each shard is compared with its hashes in the index when its first row is read, which reads it whole,
   * once: true, and shards without hashes are an error; or false.
   *
   * @default those that the index has hashes of
   */
  verifyHashes?: boolean;
}

const KNOWN: OptionNames<LoadDatasetOptions> = {
  name: true,
  split: true,
  dataFiles: true,
  format: true,
  columns: true,
  field: true,
  sampleBy: true,
  keepLinebreaks: true,
  onBadRow: true,
  verifyHashes: true,
  delimiter: true,
  quote: true,
  columnNames: true,
  revision: true,
  token: true,
  cacheDir: true,
  endpoint: true,
  localFilesOnly: true,
  signal: true,
  onProgress: true,
};

/** Options that Python's `load_dataset` has, and what stands in their place. */
const INSTEAD: Readonly<Record<string, string>> = {
  streaming: "Rows are read when they are asked for; leave it out.",
  dataDir: "Pass the folder itself.",
  data_dir: "Pass the folder itself.",
  sep: "Use delimiter.",
  on_bad_lines: "Use onBadRow.",
};

const WORDS: Readonly<Partial<Record<keyof LoadDatasetOptions, readonly string[]>>> = {
  onBadRow: ["error", "skip"],
  sampleBy: ["line", "paragraph", "document"],
  format: ["jsonl", "json", "csv", "tsv", "parquet", "arrow", "text", "mds"],
};

/** @throws EngineError naming what cannot be: a source that is no text, an unknown option, a value that is no choice */
export function checkLoading(where: string, source: string, options: LoadDatasetOptions): void {
  if (typeof source !== "string" || source === "") {
    const shown = Array.isArray(source) ? "a list" : JSON.stringify(source);
    const way = 'Pass a path, a pattern such as "data/*.jsonl", or the name of a data set on the hub.';
    throw new EngineError(where, `the source is ${shown}`, way);
  }
  checkOptions(where, options, KNOWN, INSTEAD);
  for (const [name, words] of Object.entries(WORDS)) {
    const value = options[name as keyof LoadDatasetOptions] as string | undefined;
    if (value === undefined || words.includes(value)) continue;
    throw new EngineError(where, `${name} is ${JSON.stringify(value)}`, `Use one of ${words.join(", ")}.`);
  }
}
