import { EngineError, expectSameDevice, expectSameDtype, shapeText } from "../errors.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { resolveAxis } from "./axes.ts";
import { part } from "./slice.ts";
import { startsOf } from "./split.ts";

/**
 * Puts tensors one after the other along an axis.
 *
 * @param xs one or more, of one dtype, whose shapes differ in that axis at most
 * @param axis @default 0
 */
export function concat(xs: readonly Tensor[], axis = 0): Tensor {
  const [first] = xs;
  if (!first) throw new EngineError("concat", "the list is empty", "Pass at least one tensor.");
  const along = resolveAxis("concat", first, axis);
  xs.forEach((x, i) => {
    expectSameDtype("concat", "xs[0]", first, `xs[${i}]`, x);
    expectSameDevice("concat", { "xs[0]": first, [`xs[${i}]`]: i ? x : null });
    if (x.shape.length !== first.shape.length || x.shape.some((n, d) => d !== along && n !== first.shape[d])) {
      throw new EngineError(
        "concat",
        `xs[0] has shape ${shapeText(first.shape)}, but xs[${i}] has ${shapeText(x.shape)}`,
        `Shapes may differ in axis ${axis} only.`,
      );
    }
  });
  const sizes = xs.map((x) => x.shape[along]!);
  const starts = startsOf(sizes);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const y = Tensor.empty(
    first.shape.map((n, d) => (d === along ? total : n)),
    first,
  );
  xs.forEach((x, i) => {
    y.backend.copyInto(y, x, along, starts[i]!);
  });
  return record("concat", y, { inputs: xs, saved: [] }, (dy, _, { needs }) =>
    sizes.map((size, i) => (needs(i) ? part(dy, along, starts[i]!, size) : null)),
  );
}
