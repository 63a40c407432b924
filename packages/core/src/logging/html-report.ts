import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { writeFileWhole } from "../formats/flushed-file.ts";
import type { TrainerCallback } from "../trainer/callback.ts";
import type { StepReport, TrainerState } from "../trainer/trainer-state.ts";
import type { TrainingArguments } from "../trainer/training-arguments.ts";
import type { LogRecord } from "./log-record.ts";
import { type Notify, warn } from "./notify.ts";
import { doneOf } from "./progress.ts";
import { readMetrics } from "./read-metrics.ts";
import { type Report, reportPage } from "./report-page.ts";
import { runEnvironment, safeArguments } from "./run-environment.ts";
import { groupedNumber, shortBytes, shortNumber, shortTime } from "./short-number.ts";
import { stepMeter } from "./step-meter.ts";

export interface HtmlReportOptions {
  /** @default "report.html" in `outputDir` */
  path?: string;
  /** The heading. @default the name of `outputDir` */
  title?: string;
  /** Tables below the charts, beside the arguments and the environment: facts by name, by the tables' titles. */
  facts?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Seconds between two writings, saves and the end aside. @default 30 */
  interval?: number;
  /** Called with a sentence when the file could not be written. @default a warning of the process */
  onNotice?: Notify;
}

/**
 * Writes a page with a run's curves (losses, evaluation, learning rate, gradient norm, tokens per second, memory), its
 * arguments and its machine: one file that opens without a network. It is written whole and renamed, so that a reader
 * never sees half of it. A run that goes on from a checkpoint shows what went before, from `metrics.jsonl` beside it or
 * from the checkpoint.
 */
export function htmlReport(options: HtmlReportOptions = {}): TrainerCallback {
  const { interval = 30, onNotice = warn } = options;
  const meter = stepMeter();
  const began = new Date();
  let records: LogRecord[] = [];
  let path = "";
  let written = Number.NEGATIVE_INFINITY;
  let last: StepReport | null = null;
  let failed = false;
  let ended: Report["state"] | null = null;

  const write = async (args: TrainingArguments, state: TrainerState) => {
    written = performance.now();
    const report = {
      title: options.title ?? basename(resolve(args.outputDir)),
      subtitle: `began ${minute(began)}, written ${minute(new Date())}`,
      state: ended ?? "running",
      done: ended === "finished" ? 1 : (doneOf(args, state) ?? 0),
      figures: figuresOf(args, state, last, records, (Date.now() - began.getTime()) / 1000),
      records,
      facts: { ...options.facts, Arguments: safeArguments(args), Environment: runEnvironment() },
    } satisfies Report;
    try {
      await writeFileWhole(path, Buffer.from(reportPage(report)));
      failed = false;
    } catch (error) {
      if (!failed) onNotice(`${path} could not be written: ${(error as Error).message}`);
      failed = true;
    }
  };
  const writeSometimes = async (args: TrainingArguments, state: TrainerState) => {
    if (performance.now() - written >= 1000 * interval) await write(args, state);
  };

  return {
    async onTrainBegin(args, state) {
      path = options.path ?? join(args.outputDir, "report.html");
      records = state.globalStep > 0 ? earlierRecords(join(dirname(path), "metrics.jsonl"), state) : [];
      await mkdir(dirname(path), { recursive: true });
      await write(args, state);
    },
    onStepEnd(_args, _state, _control, report) {
      last = report;
      meter.count(report);
    },
    async onLog(args, state, _control, values) {
      records.push({ step: state.globalStep, ...values, ...meter.take() });
      await writeSometimes(args, state);
    },
    async onEvaluate(args, state, _control, metrics) {
      records.push({ step: state.globalStep, ...metrics });
      await writeSometimes(args, state);
    },
    onSave: (args, state) => write(args, state),
    async onTrainEnd(args, state, _control, { stopped }) {
      ended = stopped ? "stopped" : "finished";
      await write(args, state);
    },
    async onClose(args, state) {
      if (ended || !path) return;
      ended = "stopped"; // by an error
      await write(args, state);
    },
  };
}

/** What was logged up to the checkpoint. */
function earlierRecords(metrics: string, { logHistory, globalStep }: TrainerState): LogRecord[] {
  const records = existsSync(metrics) ? readMetrics(metrics).filter(({ step }) => step <= globalStep) : [];
  return records.length > 0 ? records : [...logHistory];
}

function figuresOf(
  args: TrainingArguments,
  state: TrainerState,
  last: StepReport | null,
  records: readonly LogRecord[],
  seconds: number,
): Report["figures"] {
  const latest = (name: string) => [...records].reverse().find((record) => typeof record[name] === "number")?.[name];
  const figure = (name: string, value: unknown, text: (value: number) => string, remark?: string) =>
    typeof value === "number" ? [[name, text(value), ...(remark ? [remark] : [])] as const] : [];
  const four = (value: number) => shortNumber(value, 4);
  const ofSteps = args.maxTokens === null && state.maxSteps > 0 ? `of ${groupedNumber(state.maxSteps)}` : undefined;
  const ofTokens = args.maxTokens ? `of ${shortNumber(args.maxTokens)}` : undefined;
  return [
    ...figure("step", state.globalStep, groupedNumber, ofSteps),
    ...figure("loss", latest("loss") ?? last?.loss, four),
    ...figure("evaluation loss", latest("eval_loss"), four),
    ...figure("tokens", state.numInputTokensSeen, shortNumber, ofTokens),
    ...figure("tokens per second", latest("tokens_per_second"), shortNumber),
    ...figure("memory", latest("rss"), shortBytes),
    ...figure("time", seconds, shortTime),
  ] as unknown as Report["figures"];
}

const minute = (date: Date): string => `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
