import type { ArgumentRules } from "../trainer/argument-rules.ts";
import type { TrainingArguments } from "../trainer/training-arguments.ts";
import { arePrompts, type TrainingPrompts } from "./training-prompts.ts";

/** How to train on text columns: `TrainingArguments`, and what goes before the texts. */
export interface ColumnTrainingArguments extends TrainingArguments {
  /**
   * Put before the texts, in training and in the loss of evaluation data: one for all columns, or by column, dataset, or
   * dataset and column. Evaluators have prompts of their own.
   *
   * @default null
   */
  prompts: TrainingPrompts | null;
}

/** Rules of the arguments that `ColumnTrainingArguments` adds. */
export const COLUMN_ARGUMENTS: ArgumentRules = {
  prompts: {
    default: null,
    fits: arePrompts,
    expected: "a text, or an object of texts by column or dataset, or null",
    onResume: "same",
  },
};
