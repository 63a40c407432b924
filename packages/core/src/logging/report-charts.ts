import type { Curve } from "./curve.ts";
import type { LogRecord } from "./log-record.ts";

/** A chart of the report. */
export interface ReportChart {
  readonly title: string;
  readonly curves: readonly Curve[];
  readonly scale: "linear" | "auto";
  readonly fromZero: boolean;
  readonly unit: "number" | "bytes";
}

/** Names of what a trainer logs beside the loss and its parts. */
const KNOWN: ReadonlySet<string> = new Set([
  "step",
  "epoch",
  "time",
  "loss",
  "learning_rate",
  "grad_norm",
  "tokens_per_second",
  "memory",
  "memory_peak",
  "rss",
  "tokens_seen",
  "num_input_tokens_seen",
  "total_flos",
  "seconds",
]);
/** How long things took: not worth a curve. */
const TIMING = /(^|_)(runtime|samples_per_second|steps_per_second|tokens_per_second|model_preparation_time|epoch)$/;

/** The charts of a run, the most telling first, from all that was logged. */
export function reportCharts(records: readonly LogRecord[]): { main: ReportChart[]; more: ReportChart[] } {
  const names = new Set(records.flatMap((record) => Object.keys(record)));
  const isLoss = (name: string) => name === "eval_loss" || /^eval_.*_loss$/.test(name);
  const evaluated = [...names].filter((name) => name.startsWith("eval_") && !TIMING.test(name));
  const trained = [...names].filter((name) => !name.startsWith("eval_") && !KNOWN.has(name) && !/^train_/.test(name));
  const curve = (name: string, as: string, more: Partial<Curve> = {}) => curveOf(records, name, as, more);

  const losses = evaluated.filter(isLoss);
  const charts: (ReportChart | null)[] = [
    chart("Loss", [
      curve("loss", "training", { smooth: true, color: 0 }),
      ...losses.map((name, i) => curve(name, evaluationName(name), { dots: true, color: 1 + i })),
    ]),
    trained.length
      ? chart(
          "Parts of the loss",
          trained.map((name) => curve(name, name, { smooth: true })),
        )
      : null,
    ...evaluated
      .filter((name) => !isLoss(name))
      .map((name) => chart(titleOf(name), [curve(name, "evaluation", { dots: true, color: 1 })], { scale: "auto" })),
    chart("Learning rate", [curve("learning_rate", "learning rate")], { fromZero: true }),
    chart("Gradient norm", [curve("grad_norm", "gradient norm", { smooth: true })], { scale: "auto" }),
    chart("Tokens per second", [curve("tokens_per_second", "tokens per second", { smooth: true, color: 2 })], {
      fromZero: true,
    }),
    chart(
      "Memory",
      [
        curve("rss", "process", { color: 3 }),
        curve("memory", "tensors", { color: 4 }),
        curve("memory_peak", "tensors, peak", { color: 5 }),
      ],
      { fromZero: true, unit: "bytes" },
    ),
  ];
  const found = charts.filter((each) => each !== null);
  const extra = found.filter(({ title }) => title.includes("@")).slice(4); // a retrieval evaluator has dozens of cut-offs
  return { main: found.filter((each) => !extra.includes(each)), more: extra };
}

function chart(title: string, curves: readonly Curve[], more: Partial<ReportChart> = {}): ReportChart | null {
  const shown = curves.filter(({ y }) => y.some(Number.isFinite));
  return shown.length ? { title, curves: shown, scale: "linear", fromZero: false, unit: "number", ...more } : null;
}

function curveOf(records: readonly LogRecord[], key: string, name: string, more: Partial<Curve>): Curve {
  const x: number[] = [];
  const y: number[] = [];
  for (const record of records) {
    const value = record[key];
    if (typeof value !== "number") continue;
    x.push(record.step);
    y.push(value);
  }
  return { name, x, y, ...more };
}

/** "eval_loss" is the evaluation, "eval_news_loss" the evaluation on news. */
const evaluationName = (name: string): string =>
  name.slice("eval_".length, -"loss".length).replace(/_$/, "") || "evaluation";

/** "eval_dev_cosine_accuracy" is "Dev cosine accuracy". */
function titleOf(name: string): string {
  const words = name.replace(/^eval_/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
