/** What a checkpoint holds, and how it is taken over again. */
import { stat, statfs, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { EngineError } from "../errors.ts";
import { openWeights } from "../hub/open-weights.ts";
import { readSafetensorsHeader } from "../hub/safetensors-header.ts";
import { storedWeight } from "../hub/stored-weight.ts";
import { weightBytes } from "../hub/weight-shards.ts";
import { writeSafetensors } from "../hub/write-safetensors.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { lastCheckpoint, writeCheckpointFolder } from "./checkpoint-folder.ts";
import { loadInto, type NamedTensor } from "./load-into.ts";
import { optimizerTensors } from "./optimizer-file.ts";
import { type SavedRun, writeStateFile } from "./state-file.ts";
import type { TrainableModel } from "./trainable-model.ts";
import type { TrainingArguments } from "./training-arguments.ts";

export const OPTIMIZER_FILE = "optimizer.safetensors";
export const LOSS_FILE = "loss.safetensors";
export const ARGUMENTS_FILE = "training_args.json";

/** Something that is saved beside the model: a tokenizer. */
export interface SavedBeside {
  savePretrained(folder: string): Promise<void>;
}

export interface CheckpointContent {
  readonly model: TrainableModel;
  readonly tokenizer: SavedBeside | null;
  readonly optimizer: Optimizer;
  readonly modelParameters: readonly NamedTensor[];
  readonly lossParameters: readonly NamedTensor[];
  readonly args: TrainingArguments;
  readonly run: SavedRun;
}

/** The prefix of a loss's parameters in the optimizer's file, where the model's have names of their own. */
export const LOSS_PREFIX = "loss.";

/**
 * Saves `checkpoint-<step>` below `outputDir`: at once or not at all.
 *
 * @returns its folder
 * @throws EngineError where the disk is full, with the bytes that are needed; the earlier checkpoints are as they were
 */
export async function saveCheckpoint(content: CheckpointContent): Promise<string> {
  const { model, tokenizer, optimizer, modelParameters, lossParameters, args, run } = content;
  const step = run.state.globalStep;
  const all = [...modelParameters, ...lossParameters];
  const { tensors, metadata } = optimizerTensors(optimizer, all);
  try {
    return await writeCheckpointFolder(args.outputDir, step, async (folder) => {
      await model.savePretrained(folder);
      await tokenizer?.savePretrained(folder);
      await writeSafetensors(join(folder, OPTIMIZER_FILE), tensors, metadata);
      if (lossParameters.length > 0) {
        const own = lossParameters.map(({ name, tensor }) => storedWeight(name.slice(LOSS_PREFIX.length), tensor));
        await writeSafetensors(join(folder, LOSS_FILE), own);
      }
      await writeFile(join(folder, ARGUMENTS_FILE), `${JSON.stringify(args, null, 2)}\n`);
      await writeStateFile(folder, run);
    });
  } catch (error) {
    const needed = all.reduce((sum, { tensor }) => sum + 4 * tensor.size, 0);
    const optimizerBytes = tensors.reduce((sum, tensor) => sum + weightBytes(tensor), 0);
    throw await explained(error, args.outputDir, step, needed + optimizerBytes);
  }
}

const FULL: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "a file may not be that large here",
};

async function explained(error: unknown, outputDir: string, step: number, bytes: number): Promise<unknown> {
  const why = FULL[(error as NodeJS.ErrnoException)?.code ?? ""];
  if (!why) return error;
  const last = await lastCheckpoint(outputDir).catch(() => null);
  const free = await statfs(outputDir).then(
    ({ bavail, bsize }) => `, ${megabytes(bavail * bsize)} are free`,
    () => "",
  );
  return new EngineError(
    "train",
    `checkpoint-${step} could not be written to ${outputDir}: ${why}; its tensors take ${megabytes(bytes)}${free}`,
    `${last ? `${basename(last)} is intact: resume from it` : "There is no earlier checkpoint"}, after making room or ` +
      "with a lower saveTotalLimit.",
    { cause: error },
  );
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;

/** Takes over the weights of a folder. */
export async function loadModelWeights(
  model: TrainableModel,
  parameters: readonly NamedTensor[],
  folder: string,
): Promise<void> {
  if (model.loadWeights) {
    await model.loadWeights(folder);
    return;
  }
  const stored = await openWeights(folder);
  for (const parameter of parameters) loadInto("train", parameter, stored, folder);
}

/** Takes over the loss's own parameters of a checkpoint. */
export async function loadLossParameters(parameters: readonly NamedTensor[], folder: string): Promise<void> {
  if (parameters.length === 0) return;
  const file = join(folder, LOSS_FILE);
  const { tensors } = await readSafetensorsHeader(file, "train");
  for (const parameter of parameters) {
    loadInto("train", { ...parameter, name: parameter.name.slice(LOSS_PREFIX.length) }, tensors, file);
  }
}

/** The folder that `resumeFromCheckpoint` means. */
export async function checkpointToResume(resume: true | string, outputDir: string): Promise<string> {
  if (resume !== true) {
    if (
      await stat(resume).then(
        (s) => s.isDirectory(),
        () => false,
      )
    )
      return resume;
    throw new EngineError("train", `resumeFromCheckpoint is ${resume}, which is not a folder`, "Pass a checkpoint's.");
  }
  const last = await lastCheckpoint(outputDir);
  if (last) return last;
  throw new EngineError(
    "train",
    `resumeFromCheckpoint is true, but ${outputDir} has no complete checkpoint`,
    "Start without it, or pass a checkpoint's path; lastCheckpoint(outputDir) tells which there is.",
  );
}
