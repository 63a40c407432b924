import { EngineError } from "../errors.ts";
import { crossEntropy } from "../ops/cross-entropy.ts";
import { mean } from "../ops/mean.ts";
import { mul } from "../ops/mul.ts";
import { softplus } from "../ops/softplus.ts";
import { sub } from "../ops/sub.ts";
import { tensorScope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { ModelConfig, ProblemType } from "./config.ts";

/**
 * One entry per text: the number of its label; a value, for regression; or a list with a value per label, where several
 * may hold.
 */
export type ClassLabels = Int32Array | readonly number[] | readonly (readonly number[])[];

/**
 * What a classifier learns, where the configuration does not say: with one label a value, with whole numbers one label
 * of many, with lists any number of labels.
 */
export function problemTypeOf(config: ModelConfig, labels: ClassLabels): ProblemType {
  if (config.problemType) return config.problemType;
  if (config.id2label.length === 1) return "regression";
  return Array.isArray(labels[0]) ? "multi_label_classification" : "single_label_classification";
}

/**
 * The mean loss of sequence scores: squared error for regression, cross-entropy for one label of many, binary
 * cross-entropy over all labels where several may hold.
 *
 * @param logits `[sequences, labels]`
 * @returns a float32 scalar
 */
export function classificationLoss(where: string, logits: Tensor, labels: ClassLabels, problem: ProblemType): Tensor {
  const [sequences, classes] = logits.shape as [number, number];
  if (labels.length !== sequences) {
    throw new EngineError(where, `${labels.length} labels for ${sequences} texts`, "Give one entry per text.");
  }
  return tensorScope(() => {
    const scores = logits.to("float32");
    const { device } = logits;
    if (problem === "single_label_classification") {
      return crossEntropy(scores, Tensor.from(classNumbers(where, labels, classes), { device }));
    }
    const wanted = Tensor.from(valuesOf(where, labels, sequences, classes), { device, shape: [sequences, classes] });
    if (problem === "regression") {
      const apart = sub(scores, wanted);
      return mean(mul(apart, apart));
    }
    return mean(sub(softplus(scores), mul(scores, wanted)));
  });
}

function classNumbers(where: string, labels: ClassLabels, classes: number): Int32Array {
  return Int32Array.from(labels as ArrayLike<number>, (label, b) => {
    if (Number.isInteger(label) && label >= 0 && label < classes) return label;
    throw new EngineError(
      where,
      `label ${JSON.stringify(label)} of text ${b} is not one of ${classes}`,
      `Labels are whole numbers from 0 to ${classes - 1}; config.id2label says how many there are.`,
    );
  });
}

function valuesOf(where: string, labels: ClassLabels, sequences: number, classes: number): Float32Array {
  const values = new Float32Array(sequences * classes);
  for (let b = 0; b < sequences; b++) {
    const label = labels[b]!;
    const row = typeof label === "number" ? [label] : label;
    if (row.length !== classes || !row.every(Number.isFinite)) {
      throw new EngineError(
        where,
        `the labels of text ${b} are ${JSON.stringify(label)}, but there are ${classes} scores`,
        `Give ${classes} finite number${classes === 1 ? "" : "s"} per text.`,
      );
    }
    values.set(row, b * classes);
  }
  return values;
}
