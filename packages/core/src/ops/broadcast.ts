/** The broadcasting rule: shapes are compared from their last dimension; 1 stretches, a missing one counts as 1. */
import { EngineError, expectSameDevice, expectSameDtype, shapeText } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { sizeOf, Tensor } from "../tensor/tensor.ts";

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
  const stretched = (d: number) => (d < added || shape[d - added] === 1) && dy.shape[d] !== 1;
  let sum = dy;
  let sizes = [...dy.shape];
  for (let d = sizes.length - 1; d >= 0; d--) {
    if (!stretched(d)) continue;
    let first = d;
    while (first > 0 && (stretched(first - 1) || dy.shape[first - 1] === 1)) first--;
    // neighbours that were stretched are summed at once
    const x = contiguous(sum).viewAs([sizeOf(sizes.slice(0, first)), sizeOf(sizes.slice(first, d + 1)), sizeOf(sizes.slice(d + 1))]);
    sum = Tensor.empty([x.shape[0]!, x.shape[2]!], dy);
    dy.backend.sum(sum, x, 1);
    sizes = sizes.map((size, i) => (i >= first && i <= d ? 1 : size));
    d = first;
  }
  if (sum === dy && dy.shape.length === shape.length) return dy;
  return contiguous(sum).viewAs([...shape]);
}
