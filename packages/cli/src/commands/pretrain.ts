import { type Dataset, progressReporter, Tokenizer } from "@ettin/core";
import type { PretrainSummary, Recipe } from "@ettin/pretrain";
import { given, numberOption, refuseWithout, textOption } from "../arguments.ts";
import { type Command, type OptionValues, type Terminal, UsageError } from "../command.ts";
import { rowsOf } from "../data-options.ts";
import { DEVICE_OPTION } from "../load.ts";
import { nearest } from "../nearest.ts";
import { checkOutputFolder } from "../output-place.ts";
import { SIGNAL_CODES, terminalStream } from "../terminal-stream.ts";
import { columns, countText } from "../units.ts";

export const pretrain: Command = {
  name: "pretrain",
  summary: "train a model from nothing, or a finished one with the other objective, through a recipe's phases",
  operands: ["recipe"],
  options: {
    data: {
      type: "string",
      multiple: true,
      value: "path",
      help: "training rows: a file, a folder, a data set of the hub; for one phase, phase=path",
    },
    "eval-data": { type: "string", value: "path", help: "rows to measure on" },
    tokenizer: { type: "string", value: "model", help: "folder or hub name; needed for texts" },
    output: { type: "string", value: "folder", help: "where the run goes (default: the recipe's name)" },
    "start-from": { type: "string", value: "model", help: "weights to start with: a folder or a hub name" },
    set: {
      type: "string",
      multiple: true,
      value: "key=value",
      help: "change the recipe: globalBatchSize=64, pretraining.tokens=1e6, decay=null",
    },
    scale: { type: "string", value: "x", help: "multiply all counts of tokens: 1e-6 for a millionth of the run" },
    "micro-batch": {
      type: "string",
      value: "tokens",
      help: "computed at once; memory and speed only (default: 16384)",
    },
    device: DEVICE_OPTION,
    "gradient-checkpointing": { type: "boolean", help: "less memory, more time" },
    "eval-tokens": { type: "string", value: "n", help: "tokens between two evaluations (default: as checkpoints)" },
    "eval-rows": { type: "string", value: "n", help: "rows of evaluations within a phase (default: all)" },
    "log-steps": { type: "string", value: "n", help: "steps between two log events (default: 100)" },
    keep: { type: "string", value: "n", help: "checkpoints of each phase to keep (default: all)" },
    export: {
      type: "string",
      value: "folder",
      help: "make each checkpoint a model's folder there: step1000, ext500, decay20",
    },
    "data-order": { type: "string", value: "folder", help: "write what was trained on at which step, as Parquet" },
    plan: { type: "boolean", help: "show the phases and end" },
    json: { type: "boolean", help: "print JSON" },
  },
  notes: `A recipe is a YAML file, or one of these, with a size of 17m, 32m, 68m, 150m, 400m or 1b:
  ettin-encoder-<size>  ettin-decoder-<size>  ettin-enc-from-dec-<size>  ettin-dec-from-enc-<size>
A run that was stopped goes on with the same command.

Example: ettin pretrain ettin-encoder-17m --scale 1e-6 --set globalBatchSize=24 --set devices=1 --data shards/`,
  async run([name = ""], options, terminal) {
    const { readRecipe } = await import("@ettin/pretrain"); // other commands do not wait for it
    const scale = numberOption(options, "scale", { above: 0 });
    const recipe = await readRecipe(name, {
      set: (options.set as readonly string[] | undefined) ?? [],
      ...(scale === undefined ? {} : { scale }),
    });
    if (options.plan) {
      terminal.write(options.json ? `${JSON.stringify(recipe, null, 2)}\n` : `${planText(recipe)}\n`);
      return 0;
    }
    const summary = await train(recipe, options, terminal);
    terminal.write(options.json ? `${JSON.stringify(summary, null, 2)}\n` : `${summaryText(summary)}\n`);
    return summary.stopped ? (SIGNAL_CODES[summary.stopped] ?? 1) : 0;
  },
};

async function train(recipe: Recipe, options: OptionValues, terminal: Terminal): Promise<PretrainSummary> {
  const { runRecipe } = await import("@ettin/pretrain");
  const whole = (name: string) => numberOption(options, name, { whole: true, min: 1 });
  const { signal } = terminal;
  if (options["eval-data"] === undefined) refuseWithout(options, ["eval-tokens", "eval-rows"], "--eval-data <path>");
  await checkOutputFolder("output", textOption(options, "output") ?? recipe.name);
  for (const name of ["export", "data-order"]) {
    const folder = textOption(options, name);
    if (folder !== undefined) await checkOutputFolder(name, folder);
  }
  const data = await trainingData(recipe, options, signal);
  const evalPath = textOption(options, "eval-data");
  const evalData = evalPath === undefined ? undefined : await rowsOf(evalPath, ["validation", "test", "train"], signal);
  const tokenizerName = textOption(options, "tokenizer");
  const tokenizer = tokenizerName === undefined ? undefined : await Tokenizer.fromPretrained(tokenizerName, { signal });
  const told = new Set<string>();
  return runRecipe({
    recipe,
    output: textOption(options, "output") ?? recipe.name,
    data,
    ...given({
      evalData,
      tokenizer,
      startFrom: textOption(options, "start-from"),
      maxTokensPerMicroBatch: whole("micro-batch"),
      evalTokens: whole("eval-tokens"),
      evalRows: whole("eval-rows"),
      loggingSteps: whole("log-steps"),
      saveTotalLimit: whole("keep"),
      exportTo: textOption(options, "export"),
      dataOrder: textOption(options, "data-order"),
    }),
    gradientCheckpointing: options["gradient-checkpointing"] === true,
    report: ["metrics", "tensorboard", "html"],
    callbacks: [progressReporter({ stream: terminalStream(terminal) })],
    signal,
    onPhase: ({ phase, from, resumes }) => {
      const start = from === null ? "new weights" : resumes ? `going on from ${from}` : `from ${from}`;
      terminal.writeError(`${phase.name}: ${countText(phase.tokens)} tokens, ${start}\n`);
    },
    onNotice(notice) {
      if (!told.has(notice)) terminal.writeError(`ettin: ${notice}\n`); // each phase has its own
      told.add(notice);
    },
  });
}

/** What `--data` names: one dataset, or one for each phase. */
async function trainingData(
  recipe: Recipe,
  options: OptionValues,
  signal: AbortSignal,
): Promise<Dataset | Record<string, Dataset>> {
  const named = (options.data as readonly string[] | undefined) ?? [];
  if (named.length === 0) throw new UsageError("ettin pretrain needs --data <path>: rows with input_ids or text");
  const phases = new Map<string, Dataset>();
  for (const each of named) {
    const phase = recipe.phases.find(({ name }) => each.startsWith(`${name}=`))?.name;
    if (phase === undefined) refuseOtherPhase(each, recipe);
    if (phase === undefined && named.length === 1) return rowsOf(each, ["train"], signal);
    if (phase === undefined) {
      const names = recipe.phases.map(({ name }) => `${name}=path`).join(" --data ");
      throw new UsageError(`--data ${each} does not say its phase. Write --data ${names}`);
    }
    if (phases.has(phase)) throw new UsageError(`--data ${phase}=… is given twice`);
    phases.set(phase, await rowsOf(each.slice(phase.length + 1), ["train"], signal));
  }
  return Object.fromEntries(phases);
}

/** "pretrainng=rows.jsonl" is a slip of the pen, and no path. */
function refuseOtherPhase(given: string, recipe: Recipe): void {
  const [name] = /^[\w-]+(?==)/.exec(given) ?? [];
  const names = recipe.phases.map((phase) => phase.name);
  const near = name === undefined ? undefined : nearest(name, names);
  if (near === undefined) return;
  throw new UsageError(
    `--data ${given}: the recipe has no phase ${name}. Did you mean ${near}? It has ${names.join(", ")}`,
  );
}

function planText(recipe: Recipe): string {
  const rows = recipe.phases.map((phase) => [
    phase.name,
    countText(phase.tokens),
    `up to ${phase.maxSeqLen}`,
    String(phase.learningRate),
    recipe.objective === "clm" ? "clm" : `${recipe.objective} ${phase.maskProbability}`,
    `${phase.ropeTheta.global}/${phase.ropeTheta.local}`,
    countText(phase.checkpointTokens),
  ]);
  const head = ["phase", "tokens", "a sequence", "peak rate", "objective", "rotary bases", "a checkpoint each"];
  return `${recipe.name}: ${recipe.model.config}, ${recipe.globalBatchSize} sequences a step, seed ${recipe.seed}\n\n${columns([head, ...rows])}`;
}

function summaryText({ phases, checkpoint, stopped }: PretrainSummary): string {
  const number = (value: number | undefined) => (value === undefined ? "" : value.toPrecision(4));
  const rows = phases.map(({ name, steps, tokens, evaluation, checkpoint }) => [
    name,
    String(steps),
    countText(tokens),
    number(evaluation.eval_loss),
    number(evaluation.eval_perplexity),
    number(evaluation.eval_accuracy),
    checkpoint,
  ]);
  const head = ["phase", "steps", "tokens", "loss", "perplexity", "accuracy", "checkpoint"];
  const table = rows.length > 0 ? `${columns([head, ...rows])}\n` : "";
  const by = stopped === "abort" || stopped === "SIGINT" ? "Ctrl-C" : stopped;
  const end = stopped ? `stopped by ${by}; the same command goes on` : "done";
  return `${table}${end}: ${checkpoint ?? "no checkpoint yet"}`;
}
