import { expectShape } from "../errors.ts";
import { add } from "../ops/add.ts";
import { affine } from "../ops/affine.ts";
import { gather } from "../ops/gather.ts";
import { greater } from "../ops/greater.ts";
import { max } from "../ops/max.ts";
import { mean } from "../ops/mean.ts";
import { mul } from "../ops/mul.ts";
import { relu } from "../ops/relu.ts";
import { sum } from "../ops/sum.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Brings similar pairs together and pushes others `margin` apart:
 *
 *     loss = mean_i ½ ( y d² + (1 − y) max(0, margin − d)² )
 *
 * @param distances `[n]`
 * @param labels `[n]` float32: 1 for similar pairs, 0 for others; between them, shares of both terms
 * @param reduction @default "mean"
 * @returns a scalar
 * @see https://doi.org/10.1109/CVPR.2006.100
 */
export function contrastive(
  distances: Tensor,
  labels: Tensor,
  margin: number,
  reduction: "mean" | "sum" = "mean",
): Tensor {
  const [n] = expectShape("contrastive", "distances", distances, ["n"]);
  expectShape("contrastive", "labels", labels, [n]);
  const together = mul(labels, square(distances));
  const apart = mul(affine(labels, -1, 1), square(shortOf(distances, margin)));
  const each = add(together, apart);
  return (reduction === "sum" ? sum(each) : mean(each)).mul(0.5);
}

/**
 * The contrastive loss of the hard pairs alone: similar ones that are farther apart than the nearest of the others, and
 * others that are nearer than the farthest similar ones. Where there is one pair of a kind or none, the mean of the
 * other kind's distances stands in. A sum, not a mean, and without the half.
 *
 * @param distances `[n]`
 * @param similar for each pair whether it is similar
 * @returns a scalar; 0 where no pair is hard
 */
export function onlineContrastive(distances: Tensor, similar: readonly boolean[], margin: number): Tensor {
  expectShape("onlineContrastive", "distances", distances, [similar.length]);
  const those = (wanted: boolean) => {
    const rows = Int32Array.from(similar.flatMap((is, i) => (is === wanted ? [i] : [])));
    return { count: rows.length, distances: gather(distances, Tensor.from(rows, { device: distances.device })) };
  };
  const [positives, negatives] = [those(true), those(false)];
  const parts: Tensor[] = [];
  if (positives.count > 0) {
    const { distances: d } = positives;
    const fixed = d.detach();
    const nearest = negatives.count > 1 ? max(negatives.distances.detach().neg()).neg() : mean(fixed);
    parts.push(sum(mul(square(d), greater(fixed, nearest).to("float32"))));
  }
  if (negatives.count > 0) {
    const { distances: d } = negatives;
    const fixed = d.detach();
    const farthest = positives.count > 1 ? max(positives.distances.detach()) : mean(fixed);
    parts.push(sum(mul(square(shortOf(d, margin)), greater(farthest, fixed).to("float32"))));
  }
  return parts.length === 2 ? add(parts[0]!, parts[1]!) : parts[0]!;
}

const square = (x: Tensor): Tensor => mul(x, x);

/** How much a distance falls short of the margin: `max(0, margin − d)`. */
const shortOf = (distances: Tensor, margin: number): Tensor => relu(affine(distances, -1, margin));
