import { expectDtype, expectFloat, expectSameDevice, expectShape } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Looks up a row of the table for each token: `y[t] = weight[ids[t]]`. The gradient of the table is float32 and adds up
 * over the tokens that share an id, in their order.
 *
 * @param weight `[vocabulary, dim]` float32 or bfloat16
 * @param ids int32 of any shape, usually `[tokens]`; an id outside the vocabulary fails the kernel
 * @param options `dtype` of the result: float32 or bfloat16 (default: the weight's)
 * @returns `[…ids, dim]`
 */
export function embedding(
  weight: Tensor,
  ids: Tensor,
  options: { dtype?: "float32" | "bfloat16" | undefined } = {},
): Tensor {
  expectFloat("embedding", "weight", weight);
  expectDtype("embedding", "ids", ids, "int32");
  expectSameDevice("embedding", { weight, ids });
  const [, dim] = expectShape("embedding", "weight", weight, ["vocabulary", "dim"]);

  const tokens = contiguous(ids);
  const y = Tensor.empty([...ids.shape, dim], weight, options.dtype ?? weight.dtype);
  weight.backend.embeddingForward(y, contiguous(weight), tokens);
  const { shape } = weight;
  return record("embedding", y, { inputs: [weight], saved: [tokens] }, (dy, [tokens], { into }) => {
    const before = into(0);
    const dw = before ?? Tensor.empty(shape, dy, "float32");
    dy.backend.embeddingBackward(dw, dy, tokens, before !== null);
    return [dw];
  });
}
