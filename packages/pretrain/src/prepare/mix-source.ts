/** What a source has to give to a mixture: its folders of shards, and their tokens. */
import { basename, join, resolve } from "node:path";
import { EngineError, openMds } from "@ettin/core";
import { datasetFolders } from "./dataset-folders.ts";
import { tokensOf } from "./token-row.ts";
import { readJsonFile } from "./whole-folder.ts";

export interface SourceFolder {
  /** Path from the source, with "/". */
  readonly name: string;
  readonly path: string;
  readonly tokens: number;
}

/** The folders of a source. Tokens come from the statistics that preparation left there, else they are counted. */
export async function sourceFolders(root: string): Promise<SourceFolder[]> {
  const names = await datasetFolders("mix", root);
  const folders: SourceFolder[] = [];
  for (const name of names) {
    const path = join(root, name);
    const stats = await readJsonFile<{ tokens?: unknown; tokensWritten?: unknown }>(join(path, "stats.json"));
    const known = stats?.tokensWritten ?? stats?.tokens;
    const tokens = Number.isSafeInteger(known) ? (known as number) : await countTokens(path);
    folders.push({ name: name || basename(resolve(root)), path, tokens });
  }
  return folders;
}

async function countTokens(folder: string): Promise<number> {
  const reader = await openMds(folder, { columns: ["input_ids"] });
  try {
    let tokens = 0;
    for (let i = 0; i < reader.length; i++) tokens += tokensOf(reader.row(i).input_ids, folder, i).length;
    return tokens;
  } finally {
    reader.close();
  }
}

/** A source of a mixture. */
export interface MixSource {
  /** The folder of its shards, with subfolders or without. */
  path: string;
  /** Tokens to take. Without it and `ratio`: all that there are. */
  tokens?: number;
  /** Its share of `MixOptions.tokens`, from 0 to 1. */
  ratio?: number;
  /** The share of the source's tokens that is kept for validation. @default that of the mixture */
  validation?: number;
}

/** Tokens to take from each source; null for all of them. @throws EngineError naming the source */
export function tokenTargets(
  sources: Readonly<Record<string, MixSource>>,
  total: number | undefined,
): Map<string, number | null> {
  const targets = new Map<string, number | null>();
  for (const [name, { tokens, ratio }] of Object.entries(sources)) {
    const fail = (what: string, wayOut: string): never => {
      throw new EngineError("mix", `source ${JSON.stringify(name)} ${what}`, wayOut);
    };
    if (!/^[^./\\][^/\\]*$/.test(name)) fail("has a name that is no folder's", "Use letters, digits, - and _.");
    if (tokens !== undefined && ratio !== undefined) fail("has both tokens and ratio", "Give one of them.");
    if (tokens !== undefined && !(tokens > 0)) fail(`has tokens ${tokens}`, "Give a number above 0.");
    if (ratio !== undefined && !(ratio > 0 && ratio <= 1)) fail(`has ratio ${ratio}`, "Give a share from 0 to 1.");
    if (ratio !== undefined && !(total !== undefined && total > 0)) {
      fail("has a ratio, but the mixture has no tokens", "Say of how many tokens: tokens.");
    }
    targets.set(name, tokens ?? (ratio === undefined ? null : ratio * total!));
  }
  if (targets.size === 0) throw new EngineError("mix", "there are no sources", "Give at least one.");
  const shares = Object.values(sources).reduce((sum, { ratio = 0 }) => sum + ratio, 0);
  if (shares > 1 + 1e-9) throw new EngineError("mix", `the ratios are ${shares} together`, "Give shares of 1.");
  return targets;
}
