import { copyFile, link, mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { EngineError, listCheckpoints } from "@ettin/core";
import type { RecipePhase } from "../recipe/recipe.ts";

/** What a checkpoint of a phase is called as a revision of the published model: "step1000", "ext29976", "decay17985". */
export const revisionName = ({ revision }: Pick<RecipePhase, "revision">, step: number): string => `${revision}${step}`;

/** What only resuming needs. */
const OF_THE_RUN = new Set(["optimizer.safetensors", "loss.safetensors", "trainer_state.json", "training_args.json"]);

/**
 * Makes a model's folder of a checkpoint, without what only resuming needs: `<target>/<revision>`, ready to be loaded or
 * pushed. Files are linked where the disk allows it, so that weights lie there once. The folder appears at once.
 *
 * @param checkpoint `…/checkpoint-<step>`
 * @returns the folder
 */
export async function exportCheckpoint(
  checkpoint: string,
  phase: Pick<RecipePhase, "revision">,
  target: string,
): Promise<string> {
  const step = /^checkpoint-(\d+)$/.exec(basename(checkpoint))?.[1];
  if (step === undefined) {
    throw new EngineError("exportCheckpoint", `${checkpoint} is not a checkpoint`, "Pass a folder checkpoint-<step>.");
  }
  const folder = join(target, revisionName(phase, Number(step)));
  const partial = join(target, `.${basename(folder)}.partial`);
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  for (const entry of await readdir(checkpoint, { withFileTypes: true })) {
    if (!entry.isFile() || OF_THE_RUN.has(entry.name)) continue;
    const [from, to] = [join(checkpoint, entry.name), join(partial, entry.name)];
    await link(from, to).catch(() => copyFile(from, to));
  }
  await rm(folder, { recursive: true, force: true });
  await rename(partial, folder);
  return folder;
}

/** Exports each complete checkpoint of a phase that `target` lacks: a run may have ended between a save and its export. */
export async function exportMissing(
  folder: string,
  phase: Pick<RecipePhase, "revision">,
  target: string,
): Promise<void> {
  const there = new Set(await readdir(target).catch(() => []));
  for (const checkpoint of await listCheckpoints(folder)) {
    if (!there.has(revisionName(phase, checkpoint.step))) await exportCheckpoint(checkpoint.folder, phase, target);
  }
}
