import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PushedCommit, type PushToHubOptions, pushToHub } from "@ettin/core";
import type { CardData } from "./card/card-data.ts";
import type { SentenceTransformer } from "./model.ts";

export interface PushModelOptions extends Omit<PushToHubOptions, "repo" | "keepExisting"> {
  /** What people say about the model; its name is the repository's. */
  card?: CardData;
  /** Uploads README.md also where the repository has one. @default false: its own stays */
  replaceModelCard?: boolean;
  /** Most bytes of weights in one file. @default "50GB" */
  maxShardSize?: number | string;
}

/** Saves a model to a folder of its own and uploads that. */
export async function pushModel(
  model: SentenceTransformer,
  repo: string,
  { card, replaceModelCard = false, maxShardSize, ...options }: PushModelOptions,
): Promise<PushedCommit> {
  const folder = await mkdtemp(join(tmpdir(), "ettin-push-"));
  try {
    const shards = maxShardSize === undefined ? {} : { maxShardSize };
    await model.savePretrained(folder, { modelName: repo, ...(card && { card }), ...shards });
    const keepExisting = replaceModelCard ? [] : ["README.md"];
    return await pushToHub(folder, { commitMessage: "Add SentenceTransformer model", ...options, repo, keepExisting });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
