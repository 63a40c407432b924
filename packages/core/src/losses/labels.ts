import type { Columns, Labels } from "../columns/columns.ts";
import { EngineError, shapeText } from "../errors.ts";
import { Tensor } from "../tensor/tensor.ts";

/** What a loss needs of a row's label. */
export interface LabelNeeds {
  /** In words, for messages: "a similarity from −1 to 1". */
  readonly meaning: string;
  /** @default any */
  readonly least?: number;
  /** @default any */
  readonly most?: number;
  /** Whether labels are whole numbers. @default false */
  readonly whole?: boolean;
  /** Whether −∞ and ∞ are labels. @default false */
  readonly infinite?: boolean;
}

type Labelled = Pick<Columns, "labels">;

/** The labels of a batch: one or a list for each of its rows, each as needed. */
export function expectLabels(where: string, { labels }: Labelled, rows: number, needs: LabelNeeds): Labels {
  if (!labels) {
    throw new EngineError(
      where,
      `the batch has no labels, but each row needs ${needs.meaning}`,
      'Name a column of the dataset "label" or "score".',
    );
  }
  if (labels.shape[0] !== rows) {
    throw new EngineError(
      where,
      `labels have shape ${shapeText(labels.shape)}, but the batch has ${rows} rows`,
      "Give each row a label.",
    );
  }
  const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY, whole = false, infinite = false } = needs;
  const perRow = labels.values.length / Math.max(1, rows);
  for (const [i, value] of labels.values.entries()) {
    const fits = value >= least && value <= most && (!whole || Number.isInteger(value));
    if (fits && (infinite || Number.isFinite(value))) continue;
    throw new EngineError(
      where,
      `row ${Math.floor(i / perRow)} of the batch has the label ${value}, but ${needs.meaning} is needed`,
      "Correct or rescale the label column: dataset.map((row) => …).",
    );
  }
  return labels;
}

/** The labels of a batch, one number for each of its rows. */
export function oneLabelPerRow(where: string, batch: Labelled, rows: number, needs: LabelNeeds): Labels["values"] {
  const labels = expectLabels(where, batch, rows, needs);
  if (labels.values.length !== rows) {
    throw new EngineError(
      where,
      `labels have shape ${shapeText(labels.shape)}, but each row needs one number: ${needs.meaning}`,
      "Use a label column of numbers, not of lists.",
    );
  }
  return labels.values;
}

/** Labels as float32 on the device of `like`, without a gradient. */
export function labelTensor(values: Labels["values"], shape: readonly number[], like: Tensor): Tensor {
  return Tensor.from(Float32Array.from(values), { shape, device: like.device });
}

/** Class numbers as int32 on the device of `like`. */
export function classTensor(values: Labels["values"], like: Tensor): Tensor {
  return Tensor.from(Int32Array.from(values), { device: like.device });
}
