import { expectFloat, expectOffsets, expectSameDevice, expectShape } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { inDtypeOf, weightGradient } from "./weight-gradient.ts";

export interface SpladePoolOptions {
  /** `[vocabulary]` */
  bias?: Tensor | null;
  /**
   * "relu": `log(1 + max(score, 0))`. "log1p_relu": the logarithm of one plus that.
   *
   * @default "relu"
   */
  activation?: "relu" | "log1p_relu";
}

/**
 * A sequence's weight for each word of the vocabulary, as SPLADE pools them:
 * `y[b, v] = max_{t in b} log(1 + relu(x[t]·w[v] + bias[v]))`, without the `[tokens, vocabulary]` matrix of scores. An
 * empty sequence is zero. The gradient of a weight goes to the first token that has the maximum, and to none where no
 * score is positive.
 *
 * @param x `[tokens, dim]` float32 or bfloat16
 * @param weight `[vocabulary, dim]` float32 or bfloat16, often the embedding table; its gradient is float32
 * @param offsets `[sequences + 1]` int32
 * @returns `[sequences, vocabulary]` float32
 * @see https://arxiv.org/abs/2109.10086
 */
export function spladePool(x: Tensor, weight: Tensor, offsets: Tensor, options: SpladePoolOptions = {}): Tensor {
  const op = "spladePool";
  const { bias = null, activation = "relu" } = options;
  expectFloat(op, "x", x);
  expectFloat(op, "weight", weight);
  const [tokens, dim] = expectShape(op, "x", x, ["tokens", "dim"]);
  const [vocabulary] = expectShape(op, "weight", weight, ["vocabulary", dim]);
  const sequences = expectOffsets(op, "offsets", offsets, tokens);
  if (bias) {
    expectFloat(op, "bias", bias);
    expectShape(op, "bias", bias, [vocabulary]);
  }
  expectSameDevice(op, { x, weight, bias, offsets });

  const logTwice = activation === "log1p_relu";
  const [input, table, shift] = [contiguous(x), contiguous(weight), bias && contiguous(bias)];
  const starts = contiguous(offsets);
  const y = Tensor.empty([sequences, vocabulary], x, "float32");
  const rows = Tensor.empty(y.shape, x, "int32");
  x.backend.spladePoolForward(y, rows, input, table, shift, starts, logTwice);

  return record(
    op,
    y,
    { inputs: [x, weight, bias], saved: [y, rows, input, table, shift, starts] },
    (dy, [y, rows, x, weight, bias, offsets], context) => {
      const dx = context.needs(0) ? Tensor.empty(x.shape, x) : null;
      const [dw, addToWeight] = weightGradient(context, 1, weight);
      const [dbias, addToBias] = weightGradient(context, 2, bias);
      x.backend.spladePoolBackward(dx, dw, dbias, dy, y, rows, x, weight, offsets, logTwice, addToWeight, addToBias);
      return [dx, inDtypeOf(dw, weight), inDtypeOf(dbias, bias)];
    },
  );
}
