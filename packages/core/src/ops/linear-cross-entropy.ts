import { EngineError, expectDtype, expectFloat, expectSameDevice, expectShape } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { isRecording, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { inDtypeOf, weightGradient } from "./weight-gradient.ts";

export interface LinearCrossEntropyOptions {
  /** `[rows]` int32: the right word of each row. Rows without a target are left out of `x`, not marked. */
  targets: Tensor;
  /** `[vocabulary]` */
  bias?: Tensor | null;
  /**
   * "mean" and "sum" make the gradient together with the loss, in three matrix products. "none" gives a loss per row;
   * its backward pass makes the scores a second time: four products.
   *
   * @default "mean"
   */
  reduction?: "mean" | "sum" | "none";
}

/**
 * Cross-entropy of a linear layer's scores without the `[rows, vocabulary]` matrix:
 * `loss[s] = log Σ_v exp(x[s]·w[v] + bias[v]) − (x[s]·w[t] + bias[t])` with `t = targets[s]`. Equals
 * `crossEntropy(linear(x, weight, bias), targets)`; rows are taken by blocks of 46 MB of scores.
 *
 * With "mean" or "sum" the gradient lies ready, as large as `weight`, when this returns; it becomes `weight.grad` if
 * there is none yet. Its tape allows one backward pass, with `keepTape` too.
 *
 * @param x `[rows, dim]` float32 or bfloat16
 * @param weight `[vocabulary, dim]` float32 or bfloat16, often the embedding table; its gradient is float32
 * @returns a float32 scalar, or `[rows]` with reduction "none"
 * @see https://arxiv.org/abs/2410.10989 for the gradient in the forward pass
 */
export function linearCrossEntropy(x: Tensor, weight: Tensor, options: LinearCrossEntropyOptions): Tensor {
  const op = "linearCrossEntropy";
  const { targets, bias = null, reduction = "mean" } = options;
  expectFloat(op, "x", x);
  expectFloat(op, "weight", weight);
  expectDtype(op, "targets", targets, "int32");
  const [rows, dim] = expectShape(op, "x", x, ["rows", "dim"]);
  const [vocabulary] = expectShape(op, "weight", weight, ["vocabulary", dim]);
  expectShape(op, "targets", targets, [rows]);
  if (bias) {
    expectFloat(op, "bias", bias);
    expectShape(op, "bias", bias, [vocabulary]);
  }
  expectSameDevice(op, { x, weight, bias, targets });
  if (rows === 0 && reduction === "mean") {
    throw new EngineError(op, "there are no rows to average over", 'Skip the batch, or use reduction "sum".');
  }

  const inputs = [x, weight, bias] as const;
  const wanted = isRecording() && inputs.some((input) => input?.requiresGrad);
  const args: HeadArguments = [contiguous(x), contiguous(weight), bias && contiguous(bias), contiguous(targets)];
  if (wanted && reduction !== "none") return lossWithGradients(inputs, args, reduction === "mean" ? 1 / rows : 1);

  const losses = lossPerRow(inputs, args);
  if (reduction === "none") return losses;
  return reduced(losses, reduction);
}

type HeadInputs = readonly [x: Tensor, weight: Tensor, bias: Tensor | null];
type HeadArguments = [x: Tensor, weight: Tensor, bias: Tensor | null, targets: Tensor];

function reduced(losses: Tensor, reduction: "mean" | "sum"): Tensor {
  const total = Tensor.empty([], losses);
  losses.backend[reduction](total, losses, 0);
  total.madeBy = "linearCrossEntropy";
  return total;
}

/** The gradient is made in the forward pass as if dL/dloss were 1, and multiplied by it when that is known. */
function lossWithGradients(inputs: HeadInputs, [x, weight, bias, targets]: HeadArguments, scale: number): Tensor {
  const losses = Tensor.empty(targets.shape, x, "float32");
  const dx = inputs[0].requiresGrad ? Tensor.empty(x.shape, x) : null;
  const dw = inputs[1].requiresGrad ? Tensor.empty(weight.shape, x, "float32") : null;
  const dbias = bias && inputs[2]?.requiresGrad ? Tensor.empty(bias.shape, x, "float32") : null;
  x.backend.linearCrossEntropyGradients(losses, dx, dw, dbias, x, weight, bias, targets, scale);
  const loss = Tensor.empty([], losses);
  x.backend.sum(loss, losses, 0);
  const mean = Tensor.empty([], losses);
  x.backend.affine(mean, loss, scale, 0);

  record("linearCrossEntropy", mean, { inputs, saved: [dx, dw, dbias] }, (dloss, made, { into }) =>
    made.map((gradient, i) => {
      if (!gradient) return null;
      const sum = into(i);
      if (sum) {
        sum.backend.addScaled(sum, gradient, dloss);
        return sum;
      }
      gradient.backend.scaleInPlace(gradient, dloss);
      return inDtypeOf(gradient.detach(), inputs[i]!); // a handle of its own: the saved one goes with the tape
    }),
  );
  for (const gradient of [dx, dw, dbias]) gradient?.dispose(); // the tape alone has them, so that a leaf takes one as it is
  return mean;
}

function lossPerRow(inputs: HeadInputs, args: HeadArguments): Tensor {
  const [x, weight, bias, targets] = args;
  const losses = Tensor.empty(targets.shape, x, "float32");
  const lse = Tensor.empty([...targets.shape, 2], losses); // the largest score, and the rest of log Σ e^score
  x.backend.linearCrossEntropyForward(losses, lse, x, weight, bias, targets);
  return record(
    "linearCrossEntropy",
    losses,
    { inputs, saved: [x, weight, bias, targets, lse] },
    (dlosses, [x, weight, bias, targets, lse], context) => {
      const dx = context.needs(0) ? Tensor.empty(x.shape, x) : null;
      const [dw, addToWeight] = weightGradient(context, 1, weight);
      const [dbias, addToBias] = weightGradient(context, 2, bias);
      x.backend.linearCrossEntropyBackward(
        dx,
        dw,
        dbias,
        dlosses,
        x,
        weight,
        bias,
        lse,
        targets,
        addToWeight,
        addToBias,
      );
      return [dx, inDtypeOf(dw, weight), inDtypeOf(dbias, bias)];
    },
  );
}
