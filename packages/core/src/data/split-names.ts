/** Which files belong to which split, by their names, as Python's `datasets` decides it. */

const KEYWORDS: Readonly<Record<string, readonly string[]>> = {
  train: ["train", "training"],
  validation: ["validation", "valid", "dev", "val"],
  test: ["test", "testing", "eval", "evaluation"],
};

/** Files that lie beside data and are none. */
const NOT_DATA = new Set([
  "README.md",
  "config.json",
  "dataset_info.json",
  "dataset_infos.json",
  "dataset_dict.json",
  "state.json",
]);

/** "data/train-00000-of-00008.parquet" */
const SHARDED = /^data\/([^/]+)-\d{5}-of-\d{5}[^/]*\.[^/]*$/;

const SEPARATOR = "[-._ 0-9]";

/** The word alone, or between separators. */
const word = (keyword: string, whole: boolean): RegExp =>
  new RegExp(`(?:^|${SEPARATOR})${keyword}(?:${SEPARATOR}${whole ? "|$" : ""})`);

/** Whether a path may be a file with data: not hidden, not in a folder such as "__pycache__". */
export function mayBeData(path: string): boolean {
  const parts = path.split("/");
  const name = parts[parts.length - 1]!;
  return (
    !NOT_DATA.has(name) &&
    !parts.some((part) => part.startsWith(".")) &&
    !parts.slice(0, -1).some((part) => part.startsWith("__"))
  );
}

/**
 * Splits and their files, train, validation and test first. Names of shards in "data/" decide, else names of folders
 * ("train/…"), else names of files ("x-train.csv"); where nothing is said, all is for training.
 *
 * @param paths of files, within a folder or a repository, separated by "/"
 */
export function splitsByName(paths: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const files = paths.filter(mayBeData).sort();
  const shards = files.filter((path) => SHARDED.test(path));
  if (shards.length > 0) return grouped(shards, (path) => [SHARDED.exec(path)![1]!]);
  const folders = (path: string) => path.split("/").slice(0, -1);
  for (const [names, whole] of [
    [folders, true],
    [(path: string) => path.split("/").slice(-1), false],
  ] as const) {
    const splits = grouped(files, (path) =>
      Object.keys(KEYWORDS).filter((split) =>
        KEYWORDS[split]!.some((keyword) => names(path).some((name) => word(keyword, whole).test(name))),
      ),
    );
    if (splits.size > 0) return splits;
  }
  return files.length > 0 ? new Map([["train", files]]) : new Map();
}

function grouped(
  files: readonly string[],
  splitsOf: (path: string) => readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const path of files) for (const split of splitsOf(path)) groups.set(split, [...(groups.get(split) ?? []), path]);
  const known = Object.keys(KEYWORDS).filter((split) => groups.has(split));
  const others = [...groups.keys()].filter((split) => !known.includes(split)).sort();
  return new Map([...known, ...others].map((split) => [split, groups.get(split)!]));
}
