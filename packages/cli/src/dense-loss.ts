import type { Columns, Loss } from "@ettin/core";
import type { SentenceTransformer } from "@ettin/dense";
import { UsageError } from "./command.ts";
import { nearest } from "./nearest.ts";

/** Losses of a model and options, and of a guide, by what they are called without "Loss". */
export const LOSSES = [
  "MultipleNegativesRanking",
  "CachedMultipleNegativesRanking",
  "MultipleNegativesSymmetricRanking",
  "CachedMultipleNegativesSymmetricRanking",
  "GISTEmbed",
  "CachedGISTEmbed",
  "MegaBatchMargin",
  "Triplet",
  "CoSENT",
  "AnglE",
  "CosineSimilarity",
  "Contrastive",
  "OnlineContrastive",
  "BatchAllTriplet",
  "BatchHardTriplet",
  "BatchHardSoftMarginTriplet",
  "BatchSemiHardTriplet",
  "MarginMSE",
  "DistillKLDiv",
  "Softmax",
] as const;

export type LossName = (typeof LOSSES)[number];

/** Whether a loss asks a second model which candidates are false negatives. */
export const isGuided = (name: LossName): boolean => name.endsWith("GISTEmbed");

/** A loss's name as people write it: with "Loss" or without, in any case, with dashes. */
export function lossName(text: string): LossName {
  const plain = (name: string) =>
    name
      .toLowerCase()
      .replace(/[-_\s]/g, "")
      .replace(/loss$/, "");
  const found = LOSSES.find((name) => plain(name) === plain(text));
  if (found) return found;
  const written = LOSSES.flatMap((name) => [plain(name), `${plain(name)}loss`]);
  const near = nearest(plain(text), written)?.replace(/loss$/, "");
  const way = near ? `Did you mean ${LOSSES.find((name) => plain(name) === near)}?` : `There are ${LOSSES.join(", ")}.`;
  throw new UsageError(`--loss is ${JSON.stringify(text)}. ${way}`);
}

/**
 * @param matryoshka dimensions at which the loss is taken, or none
 * @param guide of a guided loss
 */
export async function makeLoss(
  name: LossName,
  model: SentenceTransformer,
  options: Readonly<Record<string, unknown>>,
  matryoshka: readonly number[] | null,
  guide: SentenceTransformer | null,
): Promise<Loss<Columns>> {
  const dense = await import("@ettin/dense");
  const Made = dense[`${name}Loss`] as unknown as new (model: SentenceTransformer, ...more: object[]) => Loss<Columns>;
  const loss = guide ? new Made(model, guide, options) : new Made(model, options);
  if (!matryoshka) return loss;
  return new dense.MatryoshkaLoss(model, loss as never, { matryoshkaDims: matryoshka });
}
