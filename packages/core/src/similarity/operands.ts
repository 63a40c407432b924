import { EngineError, expectDtype, expectSameDevice, expectSameDtype, expectShape, shapeText } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Checks two matrices with rows of one width. */
export function expectRows(op: string, a: Tensor, b: Tensor): { n: number; m: number; dim: number } {
  expectSameDevice(op, { a, b });
  expectDtype(op, "a", a, "float32", "bfloat16");
  expectSameDtype(op, "a", a, "b", b);
  const [n, dim] = expectShape(op, "a", a, ["rows", "dim"]);
  const [m] = expectShape(op, "b", b, ["rows", dim]);
  return { n, m, dim };
}

/** Checks two matrices whose rows belong together. */
export function expectPairs(op: string, a: Tensor, b: Tensor): void {
  const { n, m } = expectRows(op, a, b);
  if (n !== m) {
    throw new EngineError(
      op,
      `a has shape ${shapeText(a.shape)}, but b has ${shapeText(b.shape)}`,
      "Row i of a is compared with row i of b: pass as many of one as of the other.",
    );
  }
}
