import { EngineError, expectFloat, shapeText } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Gated SiLU: with the last dimension in two halves, `y = silu(first) · second`, fused.
 *
 * @param x `[..., 2 · dim]`; float32 or bfloat16
 * @returns `[..., dim]`
 * @see https://arxiv.org/abs/2002.05202
 */
export function swiglu(x: Tensor): Tensor {
  expectFloat("swiglu", "x", x);
  const width = x.shape.at(-1);
  if (width === undefined || width % 2) {
    throw new EngineError(
      "swiglu",
      `x has shape ${shapeText(x.shape)}`,
      "Its last dimension is cut in two halves: make it even.",
    );
  }
  const input = contiguous(x);
  const make = (input: Tensor) => {
    const y = Tensor.empty([...input.shape.slice(0, -1), width / 2], input);
    input.backend.swigluForward(y, input);
    return y;
  };
  return record(
    "swiglu",
    make(input),
    { inputs: [x], saved: [input], remake: ([input]) => make(input) },
    (dy, [input]) => {
      const dx = Tensor.empty(input.shape, dy);
      dy.backend.swigluBackward(dx, dy, input);
      return [dx];
    },
  );
}
