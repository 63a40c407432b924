import type { Kernels } from "../backend/contract.ts";
import { expectFloat } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

type Name<K extends string> = K extends `${infer N}Forward`
  ? `${N}Backward` extends keyof Kernels
    ? N
    : never
  : never;

/** What every function of one float element does: `saves` says whether its gradient reads the input or the result. */
export function unary(kernel: Name<keyof Kernels>, x: Tensor, saves: "input" | "result"): Tensor {
  expectFloat(kernel, "x", x);
  const input = contiguous(x);
  const make = (input: Tensor) => {
    const y = Tensor.empty(input.shape, input);
    input.backend[`${kernel}Forward` as "geluForward"](y, input);
    return y;
  };
  const y = make(input);
  const links =
    saves === "input"
      ? ({ saved: [input], remake: ([input]: [Tensor]) => make(input) } as const)
      : ({ saved: [y] } as const);
  return record(kernel, y, { inputs: [x], ...links }, (dy, [saved]) => {
    const dx = Tensor.empty(dy.shape, dy);
    dy.backend[`${kernel}Backward` as "geluBackward"](dx, dy, saved);
    return [dx];
  });
}
