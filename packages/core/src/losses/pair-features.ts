import { EngineError, expectSameShape } from "../errors.ts";
import { abs } from "../ops/abs.ts";
import { concat } from "../ops/concat.ts";
import { mul } from "../ops/mul.ts";
import { sub } from "../ops/sub.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Which features of a pair (u, v) a classifier sees. */
export interface PairFeatures {
  /** u and v themselves. @default true */
  concatenationSentRep?: boolean;
  /** |u − v| @default true */
  concatenationSentDifference?: boolean;
  /** u · v, element by element. @default false */
  concatenationSentMultiplication?: boolean;
}

/** How many vectors of the embedding's size the features are. */
export function pairFeatureVectors(owner: string, options: Required<PairFeatures>): number {
  const count =
    2 * Number(options.concatenationSentRep) +
    Number(options.concatenationSentDifference) +
    Number(options.concatenationSentMultiplication);
  if (count > 0) return count;
  throw new EngineError(owner, "all features of a pair are off", "Switch one of the concatenation options on.");
}

/**
 * Features of pairs, side by side in this order: u, v, |u − v|, u · v.
 *
 * @param u `[n, dim]`
 * @param v `[n, dim]`
 * @returns `[n, vectors · dim]`
 */
export function pairFeatures(u: Tensor, v: Tensor, options: Required<PairFeatures>): Tensor {
  expectSameShape("pairFeatures", "u", u, "v", v);
  return concat(
    [
      ...(options.concatenationSentRep ? [u, v] : []),
      ...(options.concatenationSentDifference ? [abs(sub(u, v))] : []),
      ...(options.concatenationSentMultiplication ? [mul(u, v)] : []),
    ],
    1,
  );
}
