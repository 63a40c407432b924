import { EngineError, expectFloat, shapeText } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Gated GELU: with the last dimension in two halves, `y = gelu(first) · second`, fused.
 *
 * @param x `[..., 2 · dim]`; float32 or bfloat16
 * @returns `[..., dim]`
 * @see https://arxiv.org/abs/2002.05202
 */
export function geglu(x: Tensor): Tensor {
  expectFloat("geglu", "x", x);
  const width = x.shape.at(-1);
  if (width === undefined || width % 2) {
    throw new EngineError(
      "geglu",
      `x has shape ${shapeText(x.shape)}`,
      "Its last dimension is cut in two halves: make it even.",
    );
  }
  const input = contiguous(x);
  const make = (input: Tensor) => {
    const y = Tensor.empty([...input.shape.slice(0, -1), width / 2], input);
    input.backend.gegluForward(y, input);
    return y;
  };
  return record(
    "geglu",
    make(input),
    { inputs: [x], saved: [input], remake: ([input]) => make(input) },
    (dy, [input]) => {
      const dx = Tensor.empty(input.shape, dy);
      dy.backend.gegluBackward(dx, dy, input);
      return [dx];
    },
  );
}
