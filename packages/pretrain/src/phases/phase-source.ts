import { type BatchSampler, type Dataset, EngineError, type TrainingArguments } from "@ettin/core";
import { packedBatchSampler } from "../packing/packed-batch-sampler.ts";
import type { Recipe, RecipePhase } from "../recipe/recipe.ts";
import { recipeOrder } from "./data-order.ts";

/** The batches of a phase, and what of its arguments goes with them. */
export interface PhaseSource {
  readonly source: BatchSampler;
  readonly args: Partial<TrainingArguments>;
}

/**
 * The recipe's order in batches of a micro-batch per device; or, with `packing`, steps that hold as many sequences as fit
 * in the tokens of a whole batch.
 */
export function phaseSource(
  recipe: Recipe,
  phase: RecipePhase,
  dataset: Dataset,
  args: Partial<TrainingArguments>,
): PhaseSource {
  const { length } = dataset;
  if (!recipe.packing) return { source: recipeOrder(length, args.perDeviceTrainBatchSize!, recipe.shuffleSeed), args };
  if (args.batchSizeWarmup) {
    throw new EngineError(
      "runRecipe",
      `packing is true, and ${phase.name}.batchSizeWarmupTokens ${phase.batchSizeWarmupTokens}`,
      `Set ${phase.name}.batchSizeWarmupTokens=0: packed steps have one size.`,
    );
  }
  const batchSize = recipe.globalBatchSize;
  const source = packedBatchSampler({
    source: recipeOrder(length, batchSize, recipe.shuffleSeed),
    length: (row) => Math.min(phase.maxSeqLen, 2 + tokensOf(dataset, row)),
    batchSize,
    microBatchSize: phase.microBatchSize,
    maxSeqLen: phase.maxSeqLen,
  });
  return { source, args: { ...args, perDeviceTrainBatchSize: batchSize, gradientAccumulationSteps: 1 } };
}

/** The special tokens that the collator may add are counted apart. */
function tokensOf(dataset: Dataset, row: number): number {
  const { input_ids, ids } = dataset.at(row) as { input_ids?: ArrayLike<number>; ids?: ArrayLike<number> };
  const found = input_ids ?? ids;
  if (found) return found.length;
  throw new EngineError("runRecipe", "packing is true, but the rows have no input_ids", "Encode the texts beforehand.");
}
