import { readdir, readFile, stat } from "node:fs/promises";
import { isAbsolute, join, resolve, sep } from "node:path";
import { EngineError } from "../errors.ts";
import { globMatcher } from "../hub/glob.ts";
import type { NeededFiles } from "../hub/lacking-file.ts";
import { orNoSuchPath } from "../hub/or-no-such-path.ts";
import { isRepoId } from "../hub/repo.ts";
import { downloadSnapshot } from "../hub/snapshot-download.ts";
import { commonFormat, type DataFormat, formatOfName } from "./data-format.ts";
import type { LoadDatasetOptions } from "./load-options.ts";
import { choosePart, partsOfReadme, type RepoPart } from "./repo-parts.ts";
import { splitsByName } from "./split-names.ts";

/** Files of the splits, and what they are. */
export interface DataFiles {
  readonly splits: ReadonlyMap<string, readonly string[]>;
  /** null: each file says it by its name. */
  readonly format: DataFormat | null;
}

const MAGIC = /[*?[]/;
const MDS_INDEX = "index.json";
const README = "README.md";
/** Offline a dataset is whole, as far as it is chosen, or an error. */
const ALL: NeededFiles = { neededIfListed: ["*"] };

/**
 * The files behind a path, a pattern or a repository of the hub, from which only the files that are wanted come.
 *
 * @param wanted splits. @default all
 */
export async function findDataFiles(
  where: string,
  source: string,
  options: LoadDatasetOptions,
  wanted: readonly string[] | null,
): Promise<DataFiles> {
  const status = await stat(source).catch(() => null);
  if (status?.isDirectory()) {
    const part = await declaredPart(where, source, source, options);
    return below(source, chosen(where, source, await filesBelow(source), options, wanted, part));
  }
  if (status) return { splits: new Map([["train", [resolve(source)]]]), format: options.format ?? null };
  if (MAGIC.test(source)) {
    const folder = source.slice(0, source.search(MAGIC)).replace(/[^/\\]*$/, "") || ".";
    const pattern = source
      .slice(folder === "." ? 0 : folder.length)
      .split(sep)
      .join("/");
    const matches = globMatcher([pattern], { withinFolder: !pattern.includes("**") });
    const paths = (await filesBelow(folder).catch(() => [])).filter(matches).sort();
    if (paths.length === 0) throw new EngineError(where, `no file matches ${source}`, "Check the pattern.");
    return below(folder, { splits: new Map([["train", paths]]), format: options.format ?? null });
  }
  const isFileName = !source.includes("/") && formatOfName(source) !== null;
  if (isAbsolute(source) || !isRepoId(source) || isFileName) {
    throw new EngineError(
      where,
      `there is no file or folder ${source}, and it is no repository name either`,
      'Pass the path of a file or folder, a pattern such as "data/*.jsonl", or "owner/name" of a dataset on the hub.',
    );
  }
  const hub = { ...options, repoType: "dataset" } as const;
  const readme = (paths: readonly string[]) => paths.filter((path) => path === README);
  const download = (select: (paths: readonly string[]) => readonly string[]) =>
    orNoSuchPath("file or folder", source, downloadSnapshot(where, source, hub, select, ALL));
  const part = options.dataFiles ? null : await declaredPart(where, source, await download(readme), options);
  let remote: DataFiles | null = null;
  const folder = await download((paths) => {
    remote = chosen(where, source, paths, options, wanted, part);
    return [...new Set([...remote.splits.values()].flat().flatMap((path) => withShards(path, paths)))];
  });
  return below(folder, remote ?? chosen(where, source, await filesBelow(folder), options, wanted, part));
}

/** The part that the README in a folder declares and the options mean. */
async function declaredPart(
  where: string,
  source: string,
  folder: string,
  { name, dataFiles }: LoadDatasetOptions,
): Promise<RepoPart | null> {
  if (dataFiles) return null;
  const readme = await readFile(join(folder, README), "utf8").catch(() => "");
  return choosePart(where, source, partsOfReadme(readme), name);
}

/** Paths with "/", of everything below a folder that is not a folder. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const root = resolve(folder);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .map((path) =>
      resolve(path)
        .slice(root.length + (root.endsWith(sep) ? 0 : 1))
        .split(sep)
        .join("/"),
    );
}

function below(folder: string, { splits, format }: DataFiles): DataFiles {
  const full = [...splits].map(([split, paths]) => [split, paths.map((path) => join(resolve(folder), path))] as const);
  return { splits: new Map(full), format };
}

function chosen(
  where: string,
  source: string,
  all: readonly string[],
  options: LoadDatasetOptions,
  wanted: readonly string[] | null,
  part: RepoPart | null,
): DataFiles {
  const name = options.dataFiles === undefined ? options.name : undefined;
  const inside = part ? within(all, part.folder) : named(where, source, all, name);
  const paths = withIndexes(inside);
  const given = options.dataFiles === undefined ? declared(part) : patterns(options.dataFiles);
  let splits: ReadonlyMap<string, readonly string[]>;
  if (given) {
    splits = new Map(given.map(([split, globs]) => [split, matching(where, source, paths, globs)]));
  } else splits = splitsByName(paths.filter((path) => isMds(path) || formatOfName(path) !== null));

  const files = [...splits.values()].flat();
  const format = options.format ?? (files.some(isMds) ? "mds" : commonFormat(files));
  const fits = (path: string) => (format === "mds" ? isMds(path) : formatOfName(path) === format);
  const kept = [...splits]
    .filter(([split]) => wanted === null || wanted.includes(split))
    .map(([split, some]) => [split, given || !some.some(fits) ? some : some.filter(fits)] as const);
  if (files.length === 0) {
    throw new EngineError(
      where,
      `${source} has no files of a known format`,
      "Known are .jsonl, .json, .csv, .tsv, .parquet, .arrow and .txt, also .gz and .zst, and MDS folders; others by dataFiles and format.",
    );
  }
  const missing = wanted?.find((split) => !splits.has(split));
  if (missing !== undefined) {
    throw new EngineError(
      where,
      `${source} has no split ${JSON.stringify(missing)}`,
      `It has ${[...splits.keys()].join(", ")}.`,
    );
  }
  return { splits: new Map(kept), format };
}

const within = (paths: readonly string[], folder: string): readonly string[] => {
  const prefix = folder.replace(/^\.?\/|\/$/g, "");
  return prefix === "" || prefix === "." ? paths : paths.filter((path) => path.startsWith(`${prefix}/`));
};

/** The README's patterns start from its folder. */
function declared(part: RepoPart | null): readonly (readonly [string, readonly string[]])[] | null {
  const folder = part?.folder.replace(/^\.?\/|\/$/g, "");
  const full = (pattern: string) => (folder ? `${folder}/${pattern}` : pattern);
  return part?.dataFiles?.map(([split, globs]) => [split, globs.map(full)] as const) ?? null;
}

/** Those of one part of a repository. */
function named(where: string, source: string, paths: readonly string[], name: string | undefined): readonly string[] {
  if (name === undefined) return paths;
  const inside = paths.filter((path) => path.startsWith(`${name}/`) || path.startsWith(`data/${name}/`));
  if (inside.length > 0) return inside;
  const folders = [...new Set(paths.filter((path) => path.includes("/")).map((path) => path.split("/", 1)[0]!))].sort();
  throw new EngineError(
    where,
    `${source} has no part ${JSON.stringify(name)}`,
    `Its folders are ${folders.join(", ") || "none"}.`,
  );
}

const patterns = (given: NonNullable<LoadDatasetOptions["dataFiles"]>): [string, readonly string[]][] => {
  if (typeof given === "string") return [["train", [given]]];
  if (Array.isArray(given)) return [["train", given as readonly string[]]];
  return Object.entries(given).map(([split, globs]) => [split, typeof globs === "string" ? [globs] : globs]);
};

function matching(
  where: string,
  source: string,
  paths: readonly string[],
  globs: readonly string[],
): readonly string[] {
  const files = globs.flatMap((glob) => {
    const exact = paths.filter((path) => path === glob.replace(/^\.\//, ""));
    const found =
      exact.length > 0 ? exact : paths.filter(globMatcher([glob], { withinFolder: !glob.includes("**") })).sort();
    if (found.length > 0) return found;
    throw new EngineError(where, `${source} has no file that matches ${JSON.stringify(glob)}`, "Check dataFiles.");
  });
  return [...new Set(files)];
}

/** In place of the files of an MDS folder only its index. */
function withIndexes(paths: readonly string[]): readonly string[] {
  const shards = paths.filter((path) => /\.mds(?:\.\w+)?$/.test(path));
  if (shards.length === 0) return paths;
  const folders = paths
    .filter((path) => path === MDS_INDEX || path.endsWith(`/${MDS_INDEX}`))
    .map((path) => path.slice(0, -MDS_INDEX.length))
    .filter((folder) => shards.some((shard) => shard.startsWith(folder)));
  const top = folders.filter((folder) => !folders.some((other) => other !== folder && folder.startsWith(other)));
  const others = paths.filter((path) => !top.some((folder) => path.startsWith(folder)));
  return [...others, ...top.map((folder) => folder + MDS_INDEX)];
}

const isMds = (path: string): boolean => path === MDS_INDEX || path.endsWith(`/${MDS_INDEX}`);

/** What has to be there to read a file: of an index the shards below it too. */
const withShards = (path: string, paths: readonly string[]): readonly string[] =>
  isMds(path) ? paths.filter((other) => other.startsWith(path.slice(0, -MDS_INDEX.length))) : [path];
