import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  type ChartMark,
  type Curve,
  curveSvg,
  EngineError,
  type LogRecord,
  type Report,
  readMetrics,
  reportPage,
  writeFileWhole,
} from "@ettin/core";
import type { Recipe } from "../recipe/recipe.ts";
import { readRunRecord } from "./run-record.ts";

/** Where each file of a run's report is. */
export interface RunReport {
  /** `report.html`: the curves of all phases, by tokens. */
  readonly page: string;
  /** `curves.svg`: the loss alone, for a README. */
  readonly picture: string;
}

/**
 * Writes the report of a whole run into its folder, from the `metrics.jsonl` of its phases.
 *
 * @param state @default whether all phases are finished
 */
export async function runReport(output: string, state?: Report["state"]): Promise<RunReport> {
  const record = await readRunRecord(output);
  if (!record) throw new EngineError("runReport", `${output} has no run`, "Pass the output folder of runRecipe.");
  const { recipe, finished, startFrom } = record;
  const { records, marks } = joinedRecords(output, recipe);
  const planned = recipe.phases.reduce((sum, { tokens }) => sum + tokens, 0);
  const seen = records.at(-1)?.step ?? 0;
  const whole = recipe.phases.every(({ name }) => Object.hasOwn(finished, name));
  const last = (name: string) => records.filter((each) => typeof each[name] === "number").at(-1)?.[name];
  const figure = (name: string, key: string): (readonly [string, string])[] => {
    const value = last(key);
    return typeof value === "number" ? [[name, value.toPrecision(4)]] : [];
  };
  const page = join(output, "report.html");
  const html = reportPage({
    title: recipe.name,
    subtitle: `${recipe.phases.map(({ name }) => name).join(", ")}${startFrom ? `; weights of ${startFrom}` : ""}`,
    state: state ?? (whole ? "finished" : "stopped"),
    done: seen / planned,
    figures: [
      ["tokens", seen.toLocaleString("en-US"), `of ${planned.toLocaleString("en-US")}`],
      ...figure("loss", "loss"),
      ...figure("evaluation loss", "eval_loss"),
      ...figure("perplexity", "eval_perplexity"),
      ...figure("accuracy", "eval_accuracy"),
      ...figure("tokens per second", "tokens_per_second"),
    ],
    records,
    xLabel: "tokens",
    marks,
    facts: { Recipe: factsOf(recipe), ...phaseFacts(recipe) },
  });
  await writeFileWhole(page, Buffer.from(html));

  const picture = join(output, "curves.svg");
  const curve = (key: string, name: string, more: Partial<Curve>): Curve => {
    const found = records.filter((each) => typeof each[key] === "number");
    return { name, x: found.map(({ step }) => step), y: found.map((each) => each[key] as number), ...more };
  };
  const curves = [
    curve("loss", "training", { smooth: true, color: 0 }),
    curve("eval_loss", "held out", { dots: true, color: 1 }),
  ];
  const title = `Loss of ${recipe.name}`;
  await writeFileWhole(picture, Buffer.from(curveSvg(curves, { title, xLabel: "tokens", marks })));
  return { page, picture };
}

/** What the phases logged, one after the other; `step` counts tokens over all of them. */
function joinedRecords(output: string, { phases }: Recipe): { records: LogRecord[]; marks: ChartMark[] } {
  const records: LogRecord[] = [];
  const marks: ChartMark[] = [];
  for (const { name } of phases) {
    const path = join(output, name, "metrics.jsonl");
    if (!existsSync(path)) break;
    const before = records.at(-1)?.step ?? 0;
    marks.push({ x: before, text: name });
    for (const { num_input_tokens_seen: tokens, train_loss, ...values } of readMetrics(path)) {
      if (typeof tokens === "number" && train_loss === undefined) records.push({ ...values, step: before + tokens });
    }
  }
  return { records, marks: phases.length > 1 ? marks : [] };
}

function factsOf({ phases: _, model, optimizer, ...others }: Recipe): Record<string, unknown> {
  return { ...others, ...prefixed("model", model), ...prefixed("optimizer", optimizer) };
}

const phaseFacts = ({ phases }: Recipe): Record<string, Record<string, unknown>> =>
  Object.fromEntries(phases.map(({ name, ...values }) => [`Phase ${name}`, values]));

const prefixed = (prefix: string, values: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]));
