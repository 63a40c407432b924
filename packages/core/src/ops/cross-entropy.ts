import { EngineError, expectDtype, expectFloat, expectSameDevice, expectShape } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mean } from "./mean.ts";
import { sum } from "./sum.ts";

export interface CrossEntropyOptions {
  /**
   * The share of the target that is spread evenly over all classes.
   *
   * @default 0
   */
  labelSmoothing?: number | undefined;
  /**
   * One loss: the mean or the sum over rows; or one for each row.
   *
   * @default "mean"
   */
  reduction?: "mean" | "sum" | "none" | undefined;
}

/**
 * How surprised each row of scores is by its target, with label smoothing e:
 *
 *     loss = log Σ_k e^s[k] − (1 − e) s[target] − e Σ_k s[k] / C
 *
 * Scores are shifted by their largest first: equal scores of any size cost log C.
 *
 * @param scores `[N, C]` float32 or bfloat16
 * @param targets `[N]` int32, each from 0 to C − 1; another number fails the kernel. Rows without a target are left
 *   out beforehand
 * @returns float32: a scalar, or `[N]` for reduction "none"
 */
export function crossEntropy(scores: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { labelSmoothing = 0, reduction = "mean" } = options;
  expectFloat("crossEntropy", "scores", scores);
  expectDtype("crossEntropy", "targets", targets, "int32");
  expectSameDevice("crossEntropy", { scores, targets });
  const [rows] = expectShape("crossEntropy", "scores", scores, ["rows", "classes"]);
  expectShape("crossEntropy", "targets", targets, [rows]);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new EngineError("crossEntropy", `labelSmoothing is ${labelSmoothing}`, "Pass a share from 0 to 1.");
  }
  if (rows === 0 && reduction === "mean") {
    throw new EngineError(
      "crossEntropy",
      "scores have 0 rows, and their mean is not a number",
      'Skip batches without targets, or use reduction: "sum".',
    );
  }

  const input = contiguous(scores);
  const classes = contiguous(targets);
  const loss = Tensor.empty([rows], scores, "float32");
  const lse = Tensor.empty([rows, 2], scores, "float32"); // the largest score, and the rest of log Σ e^s
  scores.backend.crossEntropyForward(loss, lse, input, classes, labelSmoothing);
  record("crossEntropy", loss, { inputs: [scores], saved: [input, lse, classes] }, (dloss, [scores, lse, targets]) => {
    const dscores = Tensor.empty(scores.shape, scores);
    dloss.backend.crossEntropyBackward(dscores, dloss, scores, lse, targets, labelSmoothing);
    return [dscores];
  });
  if (reduction === "none") return loss;
  return reduction === "sum" ? sum(loss) : mean(loss);
}
