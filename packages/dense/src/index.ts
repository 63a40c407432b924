/** The public surface, by name. */
export type { Columns, Labels } from "@ettin/core";
export type {
  CardFacts,
  ColumnFacts,
  DatasetFacts,
  HasCardFacts,
  LossFacts,
  TrainingFacts,
  TrainingLogLine,
} from "./card-facts.ts";
export * from "./evaluators/index.ts";
