import { EngineError } from "../errors.ts";
import { type FrontMatter, frontMatterField } from "./front-matter.ts";

/** A part of a repository, as its README declares it: the hub calls it a configuration or subset. */
export interface RepoPart {
  readonly name: string;
  readonly isDefault: boolean;
  /** The folder that patterns start from, "" for the repository's. */
  readonly folder: string;
  /** Patterns of files by split; null: by the files' names. */
  readonly dataFiles: readonly (readonly [split: string, patterns: readonly string[]])[] | null;
}

/** The parts that a README declares; none where it declares none, or in a way that is not read here. */
export function partsOfReadme(readme: string): readonly RepoPart[] {
  let configs: FrontMatter | null;
  try {
    configs = frontMatterField(readme, "configs");
  } catch {
    return [];
  }
  if (!Array.isArray(configs)) return [];
  return configs.flatMap((config: FrontMatter) => {
    if (!isFields(config)) return [];
    const { config_name: name = "default", data_dir: folder = "", data_files: files, default: isDefault } = config;
    if (typeof name !== "string" || typeof folder !== "string") return [];
    return [{ name, isDefault: isDefault === "true" || name === "default", folder, dataFiles: filesOf(files) }];
  });
}

/**
 * The part that is meant.
 *
 * @returns null where the repository declares no parts
 */
export function choosePart(
  where: string,
  source: string,
  parts: readonly RepoPart[],
  name: string | undefined,
): RepoPart | null {
  if (parts.length === 0) return null;
  const names = parts.map((part) => part.name).join(", ");
  if (name !== undefined) {
    const found = parts.find((part) => part.name === name);
    if (found) return found;
    throw new EngineError(where, `${source} has no part ${JSON.stringify(name)}`, `It has ${names}.`);
  }
  const found = parts.length === 1 ? parts[0] : parts.find((part) => part.isDefault);
  if (found) return found;
  throw new EngineError(
    where,
    `${source} has the parts ${names}`,
    `Choose one, as in name: ${JSON.stringify(parts[0]!.name)}.`,
  );
}

function filesOf(files: FrontMatter | undefined): RepoPart["dataFiles"] {
  const patterns = (value: FrontMatter | undefined): string[] =>
    (Array.isArray(value) ? value : [value]).filter((each): each is string => typeof each === "string" && each !== "");
  if (Array.isArray(files) && files.some(isFields)) {
    return files.filter(isFields).map(({ split, path }) => [String(split ?? "train"), patterns(path)] as const);
  }
  if (files !== undefined && isFields(files)) {
    return Object.entries(files).map(([split, path]) => [split, patterns(path)] as const);
  }
  const all = patterns(files);
  return all.length > 0 ? [["train", all]] : null;
}

const isFields = (value: FrontMatter): value is { readonly [key: string]: FrontMatter } =>
  typeof value === "object" && !Array.isArray(value);
