import type { Columns, Loss } from "@ettin/core";
import type { SentenceTransformer } from "@ettin/dense";
import { UsageError } from "./command.ts";
import { nearest } from "./nearest.ts";

/** Losses that need a model and options alone, by what they are called without "Loss". */
export const LOSSES = [
  "MultipleNegativesRanking",
  "CachedMultipleNegativesRanking",
  "MultipleNegativesSymmetricRanking",
  "CachedMultipleNegativesSymmetricRanking",
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

/** A loss's name as people write it: with "Loss" or without, in any case, with dashes. */
export function lossName(text: string): LossName {
  const plain = (name: string) =>
    name
      .toLowerCase()
      .replace(/[-_\s]/g, "")
      .replace(/loss$/, "");
  const found = LOSSES.find((name) => plain(name) === plain(text));
  if (found) return found;
  const near = nearest(plain(text), LOSSES.map(plain));
  const way = near ? `Did you mean ${LOSSES.find((name) => plain(name) === near)}?` : `There are ${LOSSES.join(", ")}.`;
  throw new UsageError(`--loss is ${JSON.stringify(text)}. ${way}`);
}

/** @param matryoshka dimensions at which the loss is taken, or none */
export async function makeLoss(
  name: LossName,
  model: SentenceTransformer,
  options: Readonly<Record<string, unknown>>,
  matryoshka: readonly number[] | null,
): Promise<Loss<Columns>> {
  const dense = await import("@ettin/dense");
  const Made = dense[`${name}Loss`] as new (model: SentenceTransformer, options: object) => Loss<Columns>;
  const loss = new Made(model, options);
  if (!matryoshka) return loss;
  return new dense.MatryoshkaLoss(model, loss as never, { matryoshkaDims: matryoshka });
}
