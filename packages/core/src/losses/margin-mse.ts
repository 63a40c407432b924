import { EngineError, expectShape, shapeText } from "../errors.ts";
import { sub } from "../ops/sub.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { meanSquaredError } from "./mean-squared-error.ts";

/**
 * A student's margins between positive and negatives should be the teacher's:
 *
 *     loss = mean_{i,k} ( (s[i,0] − s[i,k]) − margin[i,k] )²
 *
 * @param scores `[n, 1 + k]`, the positive's first
 * @param labels float32: `[n, 1 + k]` scores of the teacher, the positive's first; or its margins, `[n, k]`, or `[n]` for
 *   one negative
 * @returns a scalar
 * @see https://arxiv.org/abs/2010.02666
 */
export function marginMse(scores: Tensor, labels: Tensor): Tensor {
  const [n, candidates] = expectShape("marginMse", "scores", scores, ["n", "1 + k"]);
  const negatives = candidates - 1;
  const margins = (x: Tensor) => sub(x.slice(0, 1, 1), x.slice(1, candidates, 1));
  return meanSquaredError(margins(scores), teacherMargins());

  function teacherMargins(): Tensor {
    const [rows, width = 1] = labels.shape;
    if (negatives >= 1 && rows === n && labels.shape.length <= 2) {
      if (width === candidates) return margins(labels);
      if (width === negatives) return labels.reshape([n, negatives]);
    }
    throw new EngineError(
      "marginMse",
      `labels have shape ${shapeText(labels.shape)}, but there are ${n} rows with ${negatives} negative${negatives === 1 ? "" : "s"}`,
      `Give ${negatives} margin${negatives === 1 ? "" : "s"} (positive − negative) or ${candidates} scores, the positive's first, for each row.`,
    );
  }
}
