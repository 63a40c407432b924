import type { TrainerCallback } from "../trainer/callback.ts";
import type { Reporter } from "../trainer/training-arguments.ts";
import { htmlReport } from "./html-report.ts";
import { metricsFile } from "./metrics-file.ts";
import { progressReporter } from "./progress.ts";
import { tensorBoard } from "./tensorboard.ts";

const REPORTERS: Readonly<Record<Reporter, () => TrainerCallback>> = {
  metrics: () => metricsFile(),
  tensorboard: () => tensorBoard(),
  html: () => htmlReport(),
  progress: () => progressReporter(),
};

/** The reporters of `TrainingArguments.report`, files before what is printed. */
export const reportersOf = (names: readonly Reporter[]): TrainerCallback[] =>
  (Object.keys(REPORTERS) as Reporter[]).flatMap((name) => (names.includes(name) ? [REPORTERS[name]()] : []));
