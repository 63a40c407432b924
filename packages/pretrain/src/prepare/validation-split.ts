import { join } from "node:path";
import { EngineError, openMds } from "@ettin/core";
import type { Draws } from "./draws.ts";
import type { SourceFolder } from "./mix-source.ts";
import { takeRows } from "./take-folder.ts";
import { tokensOf } from "./token-row.ts";
import { makeWhole, readJsonFile } from "./whole-folder.ts";

interface Split {
  readonly validation: string;
  readonly rest: SourceFolder;
}

/**
 * Keeps rows for validation: of one random folder, shuffled, until they have the tokens. Its other rows stand in for the
 * folder from then on, so that no row that is kept is trained on.
 *
 * @param validation the folder for the rows that are kept
 * @param kept the folder for the others
 * @throws EngineError where the folder is too small
 */
export async function splitValidation(
  source: string,
  folders: readonly SourceFolder[],
  tokens: number,
  draws: Draws,
  validation: string,
  kept: string,
): Promise<{ folders: SourceFolder[]; split: Split }> {
  const at = draws.below(folders.length);
  const chosen = folders[at]!;
  if (tokens >= chosen.tokens) {
    throw new EngineError(
      "mix",
      `validation takes ${Math.ceil(tokens)} tokens of source ${JSON.stringify(source)}, but its folder ${chosen.path}, which ` +
        `was drawn for that, has ${chosen.tokens}`,
      "Give a smaller share to validation, or prepare larger folders.",
    );
  }
  const reader = await openMds(chosen.path, { columns: ["input_ids"] });
  const order = draws.permutation(reader.length);
  let [count, seen] = [0, 0];
  for (; seen < tokens && count < order.length; count++) {
    seen += tokensOf(reader.row(order[count]!).input_ids, chosen.path, order[count]!).length;
  }
  reader.close();
  const restTokens = chosen.tokens - seen;
  await makeWhole(validation, (partial) => takeRows(chosen.path, partial, seen, order.subarray(0, count).sort()));
  await makeWhole(kept, (partial) => takeRows(chosen.path, partial, restTokens, order.subarray(count).sort()));
  const stats = await readJsonFile<{ tokens: number }>(join(kept, "stats.json"));
  const rest = { name: chosen.name, path: kept, tokens: stats?.tokens ?? restTokens };
  return { folders: folders.map((folder, i) => (i === at ? rest : folder)), split: { validation, rest } };
}
