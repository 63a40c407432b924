/** The broadcasting rule: shapes are compared from their last dimension; 1 stretches, a missing one counts as 1. */
import { EngineError, expectSameDevice, expectSameDtype, shapeText } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { Tensor } from "../tensor/tensor.ts";
import { reduction } from "./axes.ts";

type Shape = readonly number[];

/** The shape that arguments have together. */
export function broadcastShape(op: string, shapes: readonly Shape[]): number[] {
  const dims = Math.max(...shapes.map((shape) => shape.length));
  const result = new Array<number>(dims).fill(1);
  for (const shape of shapes) {
    shape.forEach((size, d) => {
      const at = d + dims - shape.length;
      if (size !== 1 && result[at] !== 1 && result[at] !== size) {
        throw new EngineError(
          op,
          `shapes ${shapes.map(shapeText).join(" and ")} do not fit: ${result[at]} against ${size} in dimension ${at - dims}`,
          "Sizes must be equal or 1, counted from the last dimension.",
        );
      }
      if (size !== 1) result[at] = size;
    });
  }
  return result;
}

/** A view of x with a larger shape: stride 0 where it is stretched. Off the tape. */
export function expandTo(x: Tensor, shape: Shape): Tensor {
  const added = shape.length - x.shape.length;
  const strides = shape.map((size, d) => (d < added || x.shape[d - added] !== size ? 0 : x.strides[d - added]!));
  const view = x.viewAs([...shape], strides);
  return x.backend.capabilities.strided ? view : contiguous(view);
}

/** Checks that arguments agree in dtype and device, and stretches them to one shape. Off the tape. */
export function expandTogether(op: string, a: Tensor, b: Tensor): { shape: number[]; left: Tensor; right: Tensor } {
  expectSameDtype(op, "a", a, "b", b);
  expectSameDevice(op, { a, b });
  const shape = broadcastShape(op, [a.shape, b.shape]);
  return { shape, left: expandTo(a, shape), right: expandTo(b, shape) };
}

/** The gradient of an argument of `shape` that was stretched to dy's shape: sums over what was stretched. */
export function reduceTo(dy: Tensor, shape: Shape): Tensor {
  const added = dy.shape.length - shape.length;
  const stretched = dy.shape.flatMap((size, d) => (size !== (d < added ? 1 : shape[d - added]) ? [d] : []));
  if (stretched.length === 0) return added === 0 ? dy : contiguous(dy).viewAs(shape);
  const sum = Tensor.empty(shape, dy);
  dy.backend.sum(sum, reduction("sum", dy, stretched, true).input, 1);
  return sum;
}
