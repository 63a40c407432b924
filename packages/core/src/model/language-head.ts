import { EngineError } from "../errors.ts";
import { gather } from "../ops/gather.ts";
import { linear } from "../ops/linear.ts";
import { linearCrossEntropy } from "../ops/linear-cross-entropy.ts";
import { tensorScope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { checkIds, type ForwardOptions } from "./packed-batch.ts";

/** The tokens to predict. Rows without a target are left out. */
export interface TokenTargets {
  /** `[S]`: rows of the packed batch. A causal model predicts from row t the id of t + 1. */
  readonly rows: Int32Array;
  /** `[S]`: the right ids. */
  readonly ids: Int32Array;
}

export interface LogitsOptions extends ForwardOptions {
  /** The rows of the packed batch that are asked for. @default all */
  rows?: Int32Array;
}

export interface LossOptions extends ForwardOptions {
  /** Of the targets' losses. @default "mean" */
  reduction?: "mean" | "sum";
}

/** The projection to the vocabulary, with what stands before it. */
export interface VocabularyProjection {
  transform(hidden: Tensor): Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor | null;
}

/** `[rows, vocabulary]`: the scores of chosen rows of `hidden`. */
export function rowLogits(head: VocabularyProjection, hidden: Tensor, rows: Int32Array | undefined): Tensor {
  return tensorScope(() => {
    const chosen = rows ? gather(hidden, Tensor.from(rows, { device: hidden.device })) : hidden;
    return linear(head.transform(chosen), head.weight, head.bias);
  });
}

/** The cross-entropy of targets, in float32, without the matrix of scores. */
export function targetLoss(
  where: string,
  head: VocabularyProjection,
  hidden: Tensor,
  { rows, ids }: TokenTargets,
  reduction: "mean" | "sum" = "mean",
): Tensor {
  checkTargets(where, { rows, ids }, hidden.shape[0]!, head.weight.shape[0]!);
  return tensorScope(() => {
    const int32 = (values: Int32Array) => Tensor.from(values, { device: hidden.device });
    const chosen = gather(hidden, int32(rows));
    const { weight, bias } = head;
    return linearCrossEntropy(head.transform(chosen), weight, { targets: int32(ids), bias, reduction });
  });
}

/** Checks targets against the batch and the number of classes. */
export function checkTargets(where: string, { rows, ids }: TokenTargets, tokens: number, classes: number): void {
  if (rows.length !== ids.length) {
    throw new EngineError(where, `${rows.length} rows but ${ids.length} ids`, "Give each row its target.");
  }
  if (rows.length === 0) {
    throw new EngineError(where, "there are no targets", "Skip the batch: its mean is not defined.");
  }
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    if (row < 0 || row >= tokens) {
      throw new EngineError(
        where,
        `row ${row} of target ${i} is not in the batch of ${tokens} tokens`,
        "Rows count from 0 over the packed batch.",
      );
    }
  }
  checkIds(where, ids, classes, "the targets' classes");
}
