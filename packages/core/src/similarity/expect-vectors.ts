import { EngineError, expectFloat, expectSameDevice, expectSameDtype, expectShape, shapeText } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Checks two sets of vectors of one dimension. */
export function expectVectors(where: string, a: Tensor, b: Tensor): { rowsA: number; rowsB: number; dim: number } {
  expectFloat(where, "a", a);
  expectSameDtype(where, "a", a, "b", b);
  expectSameDevice(where, { a, b });
  const [rowsA, dim] = expectShape(where, "a", a, ["rows", "dim"]);
  const [rowsB, other] = expectShape(where, "b", b, ["rows", "dim"]);
  if (other !== dim) {
    throw new EngineError(
      where,
      `a ${shapeText(a.shape)} has vectors of ${dim} numbers, but b ${shapeText(b.shape)} of ${other}`,
      "Compare embeddings of one model, truncated alike.",
    );
  }
  return { rowsA, rowsB, dim };
}

/** Checks two sets of as many vectors of one dimension. */
export function expectPairs(where: string, a: Tensor, b: Tensor): { rows: number; dim: number } {
  const { rowsA, rowsB, dim } = expectVectors(where, a, b);
  if (rowsA !== rowsB) {
    throw new EngineError(
      where,
      `a has ${rowsA} vectors, but b has ${rowsB}`,
      "The pairwise form compares row i with row i: pass as many of both.",
    );
  }
  return { rows: rowsA, dim };
}
