import type { TrainerCallback } from "../trainer/callback.ts";
import type { Reporter } from "../trainer/training-arguments.ts";
import { type HtmlReportOptions, htmlReport } from "./html-report.ts";
import { metricsFile } from "./metrics-file.ts";
import { progressReporter } from "./progress.ts";
import { tensorBoard } from "./tensorboard.ts";

const REPORTERS: Readonly<Record<Reporter, (options: ReporterOptions) => TrainerCallback>> = {
  metrics: () => metricsFile(),
  tensorboard: () => tensorBoard(),
  html: ({ html = {} }) => htmlReport(html),
  progress: () => progressReporter(),
};

/** What some reporters are told. */
export interface ReporterOptions {
  html?: HtmlReportOptions;
}

/** The reporters of `TrainingArguments.report`, files before what is printed. */
export const reportersOf = (names: readonly Reporter[], options: ReporterOptions = {}): TrainerCallback[] =>
  (Object.keys(REPORTERS) as Reporter[]).flatMap((name) => (names.includes(name) ? [REPORTERS[name](options)] : []));
