/** What a model's card tells about its training and its evaluations: plain data, filled by the trainer and evaluators. */
import type { EvaluationFacts, TrainingArguments } from "@ettin/core";

/** A column of the first 1,000 rows. */
export interface ColumnFacts {
  readonly name: string;
  readonly type: "string" | "int" | "float" | "bool" | "list" | "null";
  /**
   * Of texts their lengths in tokens, of floats their values, of lists their numbers of elements; null for whole numbers
   * and booleans.
   */
  readonly range: { readonly min: number; readonly mean: number; readonly max: number } | null;
  /** Of whole numbers and booleans: each value's share of the rows, by value. */
  readonly shares: Readonly<Record<string, number>> | null;
}

export interface LossFacts {
  /** The class: "MultipleNegativesRankingLoss". */
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
}

export interface DatasetFacts {
  /** Of several datasets, else null. */
  readonly name: string | null;
  readonly rows: number;
  readonly columns: readonly ColumnFacts[];
  /** The first 3 rows. */
  readonly samples: readonly Readonly<Record<string, unknown>>[];
  readonly loss: LossFacts;
}

/** What was logged at a step. */
export interface TrainingLogLine {
  readonly epoch: number;
  readonly step: number;
  readonly trainingLoss: number | null;
  /** "loss" of the evaluation data, with several "<name>_loss"; the primary metric of each evaluator. */
  readonly metrics: Readonly<Record<string, number>>;
}

export interface TrainingFacts {
  readonly trainDatasets: readonly DatasetFacts[];
  readonly evalDatasets: readonly DatasetFacts[];
  /** Each loss of the run once. */
  readonly losses: readonly LossFacts[];
  /** Arguments that decide the numbers, with their values in this run. */
  readonly arguments: Readonly<Partial<TrainingArguments> & Record<string, unknown>>;
  /** Those of them that are not the defaults. */
  readonly nonDefaultArguments: Readonly<Record<string, unknown>>;
  /** By step. */
  readonly log: readonly TrainingLogLine[];
  /** The step whose weights the model has, where it is not the last one. */
  readonly bestStep: number | null;
  /** Of the run so far. */
  readonly seconds: number;
}

/** What a model keeps for its card. The trainer replaces `training`; `noteEvaluation` adds to `evaluations`. */
export interface CardFacts {
  training: TrainingFacts | null;
  /** The last one of each evaluator. */
  evaluations: readonly EvaluationFacts[];
}

/** A model that has a card; one without keeps nothing. */
export interface HasCardFacts {
  readonly cardFacts?: CardFacts;
}

/** Keeps an evaluation for the card, in place of an earlier one of the same evaluator and name. */
export function noteEvaluation(model: HasCardFacts, facts: EvaluationFacts): void {
  const { cardFacts } = model;
  if (!cardFacts) return;
  const others = cardFacts.evaluations.filter(
    ({ evaluator, name }) => evaluator !== facts.evaluator || name !== facts.name,
  );
  cardFacts.evaluations = [...others, facts];
}
