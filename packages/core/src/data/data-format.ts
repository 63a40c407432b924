/** The formats that `loadDataset` reads. */
export type DataFormat = "jsonl" | "json" | "csv" | "tsv" | "parquet" | "arrow" | "text" | "mds";

const ENDINGS: Readonly<Record<string, DataFormat>> = {
  jsonl: "jsonl",
  ndjson: "jsonl",
  json: "json",
  csv: "csv",
  tsv: "tsv",
  parquet: "parquet",
  arrow: "arrow",
  feather: "arrow",
  txt: "text",
};

/** The format of a file by its name, ".gz" and ".zst" aside; null for other files. */
export function formatOfName(path: string): DataFormat | null {
  const ending = /\.([a-z]+)$/.exec(path.toLowerCase().replace(/\.(?:gz|zst)$/, ""))?.[1];
  return ending !== undefined && Object.hasOwn(ENDINGS, ending) ? ENDINGS[ending]! : null;
}

/** The format that most files have; of several, the one that comes first in the list above. */
export function commonFormat(paths: readonly string[]): DataFormat | null {
  const counts = new Map<DataFormat, number>();
  for (const path of paths) {
    const format = formatOfName(path);
    if (format) counts.set(format, (counts.get(format) ?? 0) + 1);
  }
  const [best] = [...counts].sort((a, b) => b[1] - a[1]);
  return best?.[0] ?? null;
}
