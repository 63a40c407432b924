import { EngineError, expectSameShape } from "../errors.ts";
import { abs } from "../ops/abs.ts";
import { affine } from "../ops/affine.ts";
import { concat } from "../ops/concat.ts";
import { diagonal } from "../ops/diagonal.ts";
import { greater } from "../ops/greater.ts";
import { reshape } from "../ops/reshape.ts";
import { sub } from "../ops/sub.ts";
import { where } from "../ops/where.ts";
import { Tensor } from "../tensor/tensor.ts";
import { inBatchNegatives } from "./in-batch-negatives.ts";
import { maskOut } from "./mask-out.ts";
import { documentOwners, ownColumns } from "./own-columns.ts";

export interface GuidedOptions {
  /**
   * Similarities are divided by it.
   *
   * @default 0.01
   */
  temperature?: number;
  /**
   * How the margin is taken off the guide's similarity g of a pair: `g − margin`, or `g − |g| · margin`.
   *
   * @default "absolute"
   */
  marginStrategy?: "absolute" | "relative";
  /** @default 0 */
  margin?: number;
}

/** Some candidates of each row: what the model says, and what the guide says, `[rows, candidates]` both. */
export interface GuidedBlock {
  readonly similarities: Tensor;
  readonly guide: Tensor;
}

/** Fills in the defaults, and refuses what cannot be. */
export function resolveGuided(owner: string, options: GuidedOptions): Required<GuidedOptions> {
  const { temperature = 0.01, marginStrategy = "absolute", margin = 0 } = options;
  if (!(temperature > 0)) throw new EngineError(owner, `temperature is ${temperature}`, "Give a number above 0.");
  if (marginStrategy !== "absolute" && marginStrategy !== "relative") {
    throw new EngineError(owner, `there is no marginStrategy "${marginStrategy}"`, 'Use "absolute" or "relative".');
  }
  if (!Number.isFinite(margin)) throw new EngineError(owner, `margin is ${margin}`, "Give a finite number.");
  return { temperature, marginStrategy, margin };
}

/**
 * Contrastive ranking in which a guide leaves out false negatives: a candidate that the guide finds more similar than
 * the row's own pair, less the margin, does not count.
 *
 *     loss[i] = log Σ_{j kept} exp(s[i,j] / temperature) − s[i,i] / temperature
 *
 * @param pairs anchors against the positives of all `n` rows; a row's own positive always counts
 * @param others further candidates, all of them guided: anchors, positives, hard negatives
 * @param options all of them: see `resolveGuided`
 * @param first the anchor that row 0 is (default 0)
 * @returns `[rows]`
 * @see https://arxiv.org/abs/2402.16829
 */
export function guidedNegatives(
  pairs: GuidedBlock,
  others: readonly GuidedBlock[],
  options: Required<GuidedOptions>,
  first = 0,
): Tensor {
  const { temperature, marginStrategy, margin } = options;
  const [rows, n] = pairs.similarities.shape as [number, number];
  const guided = diagonal(pairs.guide.detach(), first);
  const allowed = marginStrategy === "absolute" ? affine(guided, 1, -margin) : sub(guided, abs(guided).mul(margin));
  const isFalse = ({ similarities, guide }: GuidedBlock) => {
    expectSameShape("guidedNegatives", "similarities", similarities, "guide", guide);
    return greater(guide.detach(), reshape(allowed, [rows, 1]));
  };
  const own = ownColumns(rows, first, documentOwners(n, 1), guided);
  const no = Tensor.full([], 0, { dtype: "int32", device: guided.device });
  const logits = pairs.similarities.div(temperature);
  const blocks = [
    maskOut(logits, where(own, no, isFalse(pairs))),
    ...others.map((block) => maskOut(block.similarities.div(temperature), isFalse(block))),
  ];
  return inBatchNegatives(concat(blocks, 1), { first, reduction: "none" });
}
