/** Which folders a mixture takes. */
import type { Draws } from "./draws.ts";
import type { SourceFolder } from "./mix-source.ts";

export interface Taken {
  readonly folder: SourceFolder;
  /** 0 for a folder that is taken once; the copies of it count on. */
  readonly copy: number;
}

/**
 * Draws whole folders at random until their tokens reach the target: each once, then, where that is not enough, again
 * and again with replacement. The last one may pass the target.
 *
 * @param target null for all folders, each once
 */
export function drawFolders(folders: readonly SourceFolder[], target: number | null, draws: Draws): Taken[] {
  const order = draws.permutation(folders.length);
  const taken: Taken[] = [];
  const copies = new Map<SourceFolder, number>();
  let tokens = 0;
  const take = (folder: SourceFolder) => {
    const copy = copies.get(folder) ?? 0;
    copies.set(folder, copy + 1);
    taken.push({ folder, copy });
    tokens += folder.tokens;
  };
  for (const i of order) {
    if (target !== null && tokens >= target) return taken;
    take(folders[i]!);
  }
  if (target === null || tokens === 0) return taken;
  while (tokens < target) take(folders[draws.below(folders.length)]!);
  return taken;
}
