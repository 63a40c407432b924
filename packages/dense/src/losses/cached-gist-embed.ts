import { type CachedOptions, checkOptions, type OptionNames, type ResolvedCached, resolveCached } from "@ettin/core";
import { GISTEmbedLoss, type GISTEmbedOptions, gistOptions } from "./gist-embed.ts";
import type { GuideModel, TokenizedEncoder } from "./guide.ts";

const OPTIONS: OptionNames<GISTEmbedOptions & CachedOptions> = {
  ...gistOptions,
  miniBatchSize: true,
  miniBatchNumTokens: true,
};

/**
 * `GISTEmbedLoss` for batches of any size: texts are encoded in pieces, each a second time for its gradient, and scores
 * are computed some rows at a time. Loss and gradient are those of the plain loss, to rounding.
 *
 * Papers: https://arxiv.org/abs/2402.16829, https://arxiv.org/abs/2101.06983
 *
 * Formula, columns and labels as there.
 *
 * @example
 * const loss = new CachedGISTEmbedLoss(model, guide, { miniBatchSize: 32 });
 */
export class CachedGISTEmbedLoss extends GISTEmbedLoss {
  override readonly name: string = "CachedGISTEmbedLoss";
  override readonly cached: ResolvedCached;

  constructor(model: TokenizedEncoder, guide: GuideModel, options: GISTEmbedOptions & CachedOptions = {}) {
    const {
      miniBatchSize: _,
      miniBatchNumTokens: __,
      ...guided
    } = checkOptions("CachedGISTEmbedLoss", options, OPTIONS);
    super(model, guide, guided);
    this.cached = resolveCached("CachedGISTEmbedLoss", options);
  }

  override config(): Record<string, unknown> {
    return { ...super.config(), ...this.cached };
  }
}
