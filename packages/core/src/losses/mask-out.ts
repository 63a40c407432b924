import { where } from "../ops/where.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Scores with −∞ (or another number) where `mask` is 1: they take no part, and have no gradient. */
export function maskOut(scores: Tensor, mask: Tensor, value: number = Number.NEGATIVE_INFINITY): Tensor {
  return where(mask, Tensor.full([], value, scores), scores);
}
