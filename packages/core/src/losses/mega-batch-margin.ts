import { expectShape } from "../errors.ts";
import { add } from "../ops/add.ts";
import { affine } from "../ops/affine.ts";
import { diagonal } from "../ops/diagonal.ts";
import { max } from "../ops/max.ts";
import { relu } from "../ops/relu.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { maskOut } from "./mask-out.ts";
import { documentOwners, ownColumns } from "./own-columns.ts";

/**
 * A pair should be more similar than one margin, and the most similar other document of the batch less similar than
 * another:
 *
 *     loss[i] = max(0, positiveMargin − s[i,i]) + max(0, max_{j≠i} s[i,j] − negativeMargin)
 *
 * @param similarities `[rows, n]`: some anchors of a batch against all of its documents
 * @param first the anchor that row 0 is (default 0)
 * @returns `[rows]`
 * @see https://aclanthology.org/P18-1042
 */
export function megaBatchMargins(
  similarities: Tensor,
  margins: { readonly positiveMargin: number; readonly negativeMargin: number },
  first = 0,
): Tensor {
  const [rows, n] = expectShape("megaBatchMargins", "similarities", similarities, ["rows", "n"]);
  const others = maskOut(similarities, ownColumns(rows, first, documentOwners(n, 1), similarities));
  return add(
    relu(affine(diagonal(similarities, first), -1, margins.positiveMargin)),
    relu(affine(max(others, 1), 1, -margins.negativeMargin)),
  );
}
