import { rm } from "node:fs/promises";
import { join } from "node:path";
import { EngineError, MdsWriter, mergeIndexes, openMds } from "@ettin/core";
import { indexDigest } from "./dataset-folders.ts";
import { Draws } from "./draws.ts";
import { drawFolders } from "./mix-plan.ts";
import { type MixSource, type SourceFolder, sourceFolders, tokenTargets } from "./mix-source.ts";
import { SHARD_HASHES } from "./shard-hashes.ts";
import { takeFolder } from "./take-folder.ts";
import { tokensOf } from "./token-row.ts";
import { splitValidation } from "./validation-split.ts";
import { keepSettings, makeWhole, readJsonFile, writeJson } from "./whole-folder.ts";

export interface MixOptions {
  /** Sources by name; each becomes a subfolder of its name. */
  sources: Readonly<Record<string, MixSource>>;
  /** Where the mixture goes: `<folder>/train` and `<folder>/validation`, each with an index over all sources. */
  folder: string;
  /** Tokens of the whole mixture, of which sources have a `ratio`. */
  tokens?: number;
  /**
   * What is drawn: whole subfolders, which passes a target by one of them at most, and repeats them where a source is
   * too small; or documents, shuffled, which meets it to a document.
   *
   * @default "folders"
   */
  by?: "folders" | "documents";
  /** The share of each source's tokens that is kept for validation. @default 0 */
  validation?: number;
  /** @default 42 by folders, 12345 by documents, the recipe's */
  seed?: number;
  signal?: AbortSignal;
  /** Told of each source that is complete. */
  onSource?: (name: string, summary: MixedSource) => void;
}

/** What was taken of a source. */
export interface MixedSource {
  readonly folders: number;
  /** Folders, or passes over the documents, that are there a second time. */
  readonly repeated: number;
  readonly tokens: number;
  readonly validationTokens: number;
}

const SUMMARY = "stats.json";

/**
 * Draws the training set of a phase from prepared sources, open shards with one index. Can be stopped at any time and
 * started again with the same options: finished sources are kept.
 *
 * @throws EngineError naming the source
 */
export async function mix(options: MixOptions): Promise<Record<string, MixedSource>> {
  const { sources, folder, tokens, by = "folders", validation = 0 } = options;
  const { seed = by === "folders" ? 42 : 12345 } = options;
  if (by !== "folders" && by !== "documents") {
    throw new EngineError("mix", `by is ${JSON.stringify(by)}`, 'Use "folders" or "documents".');
  }
  const targets = tokenTargets(sources, tokens);
  const digests: Record<string, unknown> = {};
  for (const [name, source] of Object.entries(sources)) {
    const share = source.validation ?? validation;
    if (!(share >= 0 && share < 1)) {
      throw new EngineError("mix", `validation of source ${JSON.stringify(name)} is ${share}`, "Give a share below 1.");
    }
    digests[name] = { target: targets.get(name), validation: share, index: await indexDigest(source.path) };
  }
  await keepSettings("mix", folder, "mix.json", { sources: digests, by, seed });

  const result: Record<string, MixedSource> = {};
  for (const [name, source] of Object.entries(sources)) {
    options.signal?.throwIfAborted();
    const share = source.validation ?? validation;
    result[name] = await mixSource(name, source, targets.get(name)!, { folder, by, share, seed });
    options.onSource?.(name, result[name]);
  }
  const names = Object.keys(sources);
  await mergeIndexes(join(folder, "train"), names);
  const held = names.filter((name) => result[name]!.validationTokens > 0);
  if (held.length > 0) await mergeIndexes(join(folder, "validation"), held);
  await writeJson(join(folder, SUMMARY), result);
  return result;
}

interface Plan {
  readonly folder: string;
  readonly by: "folders" | "documents";
  readonly share: number;
  readonly seed: number;
}

async function mixSource(name: string, source: MixSource, target: number | null, plan: Plan): Promise<MixedSource> {
  const train = join(plan.folder, "train", name);
  const before = await readJsonFile<MixedSource>(join(train, SUMMARY));
  if (before) return before;
  let folders = await sourceFolders(source.path);
  const available = folders.reduce((sum, { tokens }) => sum + tokens, 0);
  if (available === 0) throw new EngineError("mix", `source ${JSON.stringify(name)} has no tokens`, "Leave it out.");
  const draws = new Draws(plan.seed, "mix", name);
  const rest = join(plan.folder, `.rest-${name}`);
  let validationTokens = 0;
  if (plan.share > 0) {
    const wanted = plan.share * (target ?? available);
    const validation = join(plan.folder, "validation", name);
    const found = await splitValidation(name, folders, wanted, draws, validation, rest);
    folders = found.folders;
    validationTokens = available - folders.reduce((sum, { tokens }) => sum + tokens, 0);
  }
  await makeWhole(train, async (partial) => {
    const taken =
      plan.by === "folders"
        ? await takeFolders(folders, target, draws, partial)
        : await takeDocuments(folders, target, draws, partial);
    await writeJson(join(partial, SUMMARY), { ...taken, validationTokens });
  });
  await rm(rest, { recursive: true, force: true });
  return (await readJsonFile<MixedSource>(join(train, SUMMARY)))!;
}

type Taken = Omit<MixedSource, "validationTokens">;

async function takeFolders(
  folders: readonly SourceFolder[],
  target: number | null,
  draws: Draws,
  to: string,
): Promise<Taken> {
  const taken = drawFolders(folders, target, draws);
  for (const { folder, copy } of taken) {
    await takeFolder(folder.path, join(to, folder.name + (copy > 0 ? `-copy${copy}` : "")), folder.tokens);
  }
  await mergeIndexes(to);
  return {
    folders: taken.length,
    repeated: taken.filter(({ copy }) => copy > 0).length,
    tokens: taken.reduce((sum, { folder }) => sum + folder.tokens, 0),
  };
}

/** Folders in random order, the documents of each in random order, until the target; then all over again. */
async function takeDocuments(
  folders: readonly SourceFolder[],
  target: number | null,
  draws: Draws,
  to: string,
): Promise<Taken> {
  const writer = new MdsWriter(to, { columns: { id: "str", input_ids: "ndarray:uint32" }, hashes: SHARD_HASHES });
  let [tokens, used, passes] = [0, 0, 0];
  do {
    for (const i of draws.permutation(folders.length)) {
      if (target !== null && tokens >= target) break;
      const reader = await openMds(folders[i]!.path, { columns: ["id", "input_ids"] });
      used++;
      for (const row of draws.permutation(reader.length)) {
        if (target !== null && tokens >= target) break;
        const { id, input_ids } = reader.row(row);
        const ids = tokensOf(input_ids, reader.folder, row);
        await writer.write({ id, input_ids: ids });
        tokens += ids.length;
      }
      reader.close();
    }
    passes++;
  } while (target !== null && tokens < target);
  await writer.finish();
  return { folders: used, repeated: passes - 1, tokens };
}
