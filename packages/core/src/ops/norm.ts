import {
  EngineError,
  expectFloat,
  expectSameDevice,
  expectSameDtype,
  expectSameShape,
  expectShape,
} from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { sizeOf } from "../tensor/shape.ts";
import type { GradientContext } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

export interface NormOptions {
  /** Added to the variance (or mean square) before the root. */
  eps?: number | undefined;
}

/** Checks the arguments of a norm and makes them contiguous. */
export function normArguments(
  op: string,
  tensors: { x: Tensor; residual?: Tensor; weight?: Tensor | null | undefined; bias?: Tensor | null | undefined },
  options: NormOptions,
  defaultEps: number,
): { input: Tensor; r: Tensor | null; w: Tensor | null; b: Tensor | null; rows: number; eps: number } {
  const { x, residual, weight, bias } = tensors;
  expectSameDevice(op, { ...tensors });
  expectFloat(op, "x", x);
  const dim = x.shape.at(-1);
  if (dim === undefined) throw new EngineError(op, "x has no dimensions", "Pass rows: [dim] or [rows, dim].");
  if (residual) {
    expectSameShape(op, "x", x, "residual", residual);
    expectSameDtype(op, "x", x, "residual", residual);
  }
  for (const [name, vector] of Object.entries({ weight, bias })) {
    if (!vector) continue;
    expectFloat(op, name, vector);
    expectShape(op, name, vector, [dim]);
  }
  return {
    input: contiguous(x),
    r: residual ? contiguous(residual) : null,
    w: weight ? contiguous(weight) : null,
    b: bias ? contiguous(bias) : null,
    rows: sizeOf(x.shape.slice(0, -1)),
    eps: options.eps ?? defaultEps,
  };
}

/**
 * Where the gradients of a norm's weights go, null where none is wanted: what the weights already have, to be added to,
 * if all of them have; else new float32 tensors. Last, whether to add.
 */
export function weightGradients(
  context: GradientContext,
  inputs: readonly [number, number],
  s: Tensor,
): [Tensor | null, Tensor | null, boolean] {
  const dim = s.shape.at(-1)!;
  const wanted = inputs.filter((i) => context.needs(i));
  const accumulate = wanted.length > 0 && wanted.every((i) => context.into(i) !== null);
  const [first, second] = inputs.map((i) => {
    if (!context.needs(i)) return null;
    return accumulate ? context.into(i) : Tensor.empty([dim], s, "float32");
  });
  return [first ?? null, second ?? null, accumulate];
}
