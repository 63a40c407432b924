import { htmlReport } from "../logging/html-report.ts";
import { metricsFile } from "../logging/metrics-file.ts";
import { progressReporter } from "../logging/progress.ts";
import { tensorBoard } from "../logging/tensorboard.ts";
import type { TrainerCallback } from "./callback.ts";
import type { Reporter, TrainingArguments } from "./training-arguments.ts";

/** In this order: the report reads what the metrics' file holds of an earlier part of the run. */
const REPORTERS: Readonly<Record<Reporter, () => TrainerCallback>> = {
  metrics: () => metricsFile(),
  tensorboard: () => tensorBoard(),
  html: () => htmlReport(),
  progress: () => progressReporter(),
};

/** The reporters that `report` asks for. */
export const defaultCallbacks = ({ report }: Pick<TrainingArguments, "report">): TrainerCallback[] =>
  Object.entries(REPORTERS).flatMap(([name, make]) => (report.includes(name as Reporter) ? [make()] : []));
