import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  columnRoles,
  type Dataset,
  lastCheckpoint,
  progressReporter,
  requireColumns,
  type TrainSummary,
} from "@ettin/core";
import type { SentenceTransformer, SentenceTransformerTrainingArguments } from "@ettin/dense";
import { choiceOption, given, numberOption, refuseBoth, refuseWithout, textOption } from "../arguments.ts";
import { type Command, type OptionValues, UsageError } from "../command.ts";
import { isIdColumn, resolvedIds, withoutId } from "../corpus-ids.ts";
import { DATA_OPTIONS, openRows, rowsOf } from "../data-options.ts";
import { bestMetric, EVALUATORS, evaluatorFor, makeEvaluator } from "../dense-evaluator.ts";
import { isGuided, LOSSES, lossName, makeLoss } from "../dense-loss.ts";
import { DEVICE_OPTION, LOAD_OPTIONS } from "../load.ts";
import { loadDense } from "../load-dense.ts";
import { checkOutputFolder } from "../output-place.ts";
import { keyValues } from "../set-option.ts";
import { SIGNAL_CODES, terminalStream } from "../terminal-stream.ts";
import { columns } from "../units.ts";

const WHERE = "ettin train dense";

export const trainDense: Command = {
  name: "train dense",
  summary: "train a model that makes a vector of each text, on pairs, triplets or scored pairs",
  operands: ["model", "data"],
  options: {
    output: {
      type: "string",
      value: "folder",
      help: "checkpoints, reports, and the model as final (default: trainer_output)",
    },
    ...DATA_OPTIONS,
    columns: { type: "string", value: "names", help: 'the loss\'s columns in order: "query,positive" (default: all)' },
    corpus: { type: "string", value: "path", help: "rows with id and text: columns named …_id become texts of it" },
    "text-column": {
      type: "string",
      value: "name",
      help: 'the corpus\'s text; several as "title,text" (default: text)',
    },
    loss: {
      type: "string",
      value: "name",
      help: "MultipleNegativesRanking, or CoSENT where there are labels, are the defaults",
    },
    "loss-option": { type: "string", multiple: true, value: "key=value", help: "of the loss: scale=20" },
    guide: { type: "string", value: "model", help: "a second model that finds false negatives: GISTEmbed" },
    matryoshka: { type: "string", value: "dims", help: 'good when cut, too: "384,192,96"' },
    "eval-data": { type: "string", value: "path", help: "rows to measure on" },
    "eval-split": { type: "string", value: "split", help: "the same as a split of the data: dev" },
    "eval-rows": { type: "string", value: "n", help: "the same as so many rows taken off the data" },
    evaluator: { type: "string", value: "name", help: `${EVALUATORS.join(", ")} (default: by the columns)` },
    epochs: { type: "string", value: "n", help: "how often the rows are seen (default: 3)" },
    steps: { type: "string", value: "n", help: "steps, in place of epochs" },
    batch: { type: "string", value: "rows", help: "rows of a step (default: 64)" },
    "learning-rate": { type: "string", value: "x", help: "at its peak (default: 5e-5)" },
    warmup: { type: "string", value: "share", help: "of the steps, in which the rate rises (default: 0.05)" },
    "micro-batch": { type: "string", value: "tokens", help: "computed at once; memory and speed only" },
    "eval-steps": { type: "string", value: "n", help: "steps between evaluations (default: an epoch)" },
    "save-steps": { type: "string", value: "n", help: "steps between checkpoints (default: an epoch)" },
    keep: { type: "string", value: "n", help: "checkpoints to keep (default: 2)" },
    best: { type: "boolean", help: "end with the best model of all evaluations" },
    bf16: { type: "boolean", help: "products in bfloat16" },
    set: { type: "string", multiple: true, value: "key=value", help: "any argument of the trainer: weightDecay=0.01" },
    "max-length": { type: "string", value: "n", help: "cut texts to n tokens (default: the model's)" },
    device: DEVICE_OPTION,
    revision: LOAD_OPTIONS.revision!,
    overwrite: { type: "boolean", help: "begin anew where there are checkpoints or a model" },
    json: { type: "boolean", help: "print JSON" },
  },
  notes: `Data is a file (.jsonl, .csv, .parquet, …), a folder, or a data set of the hub. Columns count in their order: anchor,
positive, negatives; one named label, labels, score or scores has the labels. Ctrl-C finishes the step and saves; the same
command goes on. Losses: ${wrapped(LOSSES)}.
Example: ettin train dense jhu-clsp/ettin-encoder-17m sentence-transformers/natural-questions --eval-rows 1000 --output nq`,
  async run([name = "", path = ""], options, terminal) {
    const asked = textOption(options, "loss");
    const loss = asked === undefined ? null : lossName(asked);
    const guideName = textOption(options, "guide");
    if (guideName !== undefined && loss && !isGuided(loss))
      throw new UsageError(`--guide is nothing to --loss ${loss}`);
    if (guideName === undefined && loss && isGuided(loss)) throw new UsageError(`--loss ${loss} needs --guide <model>`);
    const evaluatorName = choiceOption(options, "evaluator", EVALUATORS);
    const given = argumentsOf(options);
    const measures = ["eval-data", "eval-split", "eval-rows"];
    if (measures.every((each) => options[each] === undefined)) {
      refuseWithout(options, ["evaluator", "eval-steps", "best"], "--eval-rows, --eval-split or --eval-data");
    }
    refuseBoth(options, "epochs", "steps");
    if (given.outputDir !== undefined) await checkOutputFolder("output", given.outputDir);
    const { train, held } = await readData(path, options, terminal.signal);
    const { inputs, label } = columnRoles(WHERE, train.columnNames);
    const measure = held ? (evaluatorName ?? evaluatorFor(inputs, label)) : "none";
    const evaluator = held && (await makeEvaluator(measure, held, inputs, label));
    const model = await loadDense(name, options, terminal, { dtype: "float32" });
    let guide: SentenceTransformer | null = null;
    try {
      if (guideName !== undefined) guide = await loadDense(guideName, {}, terminal);
      const { SentenceTransformerTrainer } = await import("@ettin/dense");
      const lossOptions = keyValues(options, "loss-option");
      const usual = label === null ? "MultipleNegativesRanking" : "CoSENT";
      const named = loss ?? (guide ? "GISTEmbed" : usual);
      const trainer = new SentenceTransformerTrainer({
        model,
        trainDataset: train,
        loss: await makeLoss(named, model, lossOptions, dimensions(options), guide),
        args: { ...defaults(options, held !== null, named), ...bestOf(options, measure, model), ...given },
        callbacks: [progressReporter({ stream: terminalStream(terminal) })],
        ...(evaluator ? { evaluator } : held ? { evalDataset: held } : {}),
        onNotice: (notice) => terminal.writeError(`ettin: ${notice}\n`),
      });
      const { outputDir } = trainer.args;
      const resume = options.overwrite !== true && (await lastCheckpoint(outputDir)) !== null;
      const folder = join(outputDir, "final");
      if (!resume && options.overwrite !== true && existsSync(folder))
        throw new UsageError(`${folder} has the model of an earlier run: choose another --output, or pass --overwrite`);
      const summary = await trainer.train({ resumeFromCheckpoint: resume, signal: terminal.signal });
      if (!summary.stopped) await model.savePretrained(folder);
      const evaluation = held && !summary.stopped ? await trainer.evaluate() : undefined;
      terminal.write(options.json ? asJson(summary, folder, evaluation) : asText(summary, folder, evaluation));
      return summary.stopped ? (SIGNAL_CODES[summary.stopped] ?? 1) : 0;
    } finally {
      guide?.dispose();
      model.dispose();
    }
  },
};

/** Rows to train on, and rows to measure on. */
async function readData(
  path: string,
  options: OptionValues,
  signal: AbortSignal,
): Promise<{ train: Dataset; held: Dataset | null }> {
  const [evalData, evalSplit] = [textOption(options, "eval-data"), textOption(options, "eval-split")];
  const evalRows = numberOption(options, "eval-rows", { whole: true, min: 1 });
  const ways = [evalData, evalSplit, evalRows].filter((each) => each !== undefined);
  if (ways.length > 1) throw new UsageError("give one of --eval-data, --eval-split and --eval-rows");
  const split = textOption(options, "split");
  const all =
    split === undefined ? await rowsOf(path, ["train"], signal, options) : await openRows(path, options, signal);
  const skipBad = { "skip-bad": options["skip-bad"] };
  let held: Dataset | null = null;
  let train = all;
  if (evalData !== undefined) held = await rowsOf(evalData, ["validation", "dev", "test", "train"], signal, skipBad);
  if (evalSplit !== undefined) {
    held = await openRows(path, { ...options, split: evalSplit }, signal);
  }
  if (evalRows !== undefined) {
    if (evalRows >= all.length) throw new UsageError(`--eval-rows is ${evalRows}, but there are ${all.length} rows`);
    const parts = all.trainTestSplit({ testSize: evalRows, seed: 12 });
    [train, held] = [parts.train, parts.test];
  }
  const corpus = textOption(options, "corpus");
  const textColumn = textOption(options, "text-column");
  if (corpus === undefined && textColumn !== undefined)
    throw new UsageError("--text-column is of a --corpus: give both");
  const texts = corpus === undefined ? null : await rowsOf(corpus, ["train", "corpus"], signal, skipBad);
  const resolve = texts && resolvedIds("train dense", texts, corpus!, textColumn);
  const chosen = textOption(options, "columns")
    ?.split(",")
    .map((name) => name.trim());
  if (texts && !(chosen ?? all.columnNames).some(isIdColumn)) {
    const names = (chosen ?? all.columnNames).join(", ");
    throw new UsageError(`--corpus gives the texts of columns named …_id, but there are ${names}. Leave it out`);
  }
  const prepare = (rows: Dataset): Dataset => {
    const found = resolve ? resolve(rows, chosen) : rows;
    if (!chosen) return found;
    const names = resolve ? chosen.map(withoutId) : chosen;
    requireColumns(WHERE, found, names);
    return found.selectColumns(names);
  };
  return { train: prepare(train), held: held && prepare(held) };
}

/** The arguments that the command line gives. */
function argumentsOf(options: OptionValues): Partial<SentenceTransformerTrainingArguments> {
  const whole = (name: string) => numberOption(options, name, { whole: true, min: 1 });
  const set = keyValues(options, "set");
  for (const [option, name] of Object.entries(ARGUMENTS)) {
    if (options[option] === undefined || !Object.hasOwn(set, name)) continue;
    throw new UsageError(`--${option} and --set ${name} are both given: keep one of them`);
  }
  return {
    ...given({
      outputDir: textOption(options, "output"),
      numTrainEpochs: numberOption(options, "epochs", { above: 0 }),
      maxSteps: whole("steps"),
      perDeviceTrainBatchSize: whole("batch"),
      learningRate: numberOption(options, "learning-rate", { min: 0 }),
      warmupRatio: numberOption(options, "warmup", { min: 0, max: 1 }),
      maxTokensPerMicroBatch: whole("micro-batch"),
      evalSteps: whole("eval-steps"),
      saveSteps: whole("save-steps"),
      saveTotalLimit: whole("keep"),
    }),
    ...(options.bf16 === true && { bf16: true }),
    ...(options.overwrite === true && { overwriteOutputDir: true }),
    ...set,
  };
}

/** The argument that each option gives. */
const ARGUMENTS: Readonly<Record<string, keyof SentenceTransformerTrainingArguments>> = {
  output: "outputDir",
  epochs: "numTrainEpochs",
  steps: "maxSteps",
  batch: "perDeviceTrainBatchSize",
  "learning-rate": "learningRate",
  warmup: "warmupRatio",
  "micro-batch": "maxTokensPerMicroBatch",
  "eval-steps": "evalSteps",
  "save-steps": "saveSteps",
  keep: "saveTotalLimit",
  bf16: "bf16",
  overwrite: "overwriteOutputDir",
};

/** What this command has in place of the trainer's defaults. */
function defaults(
  options: OptionValues,
  measures: boolean,
  loss: (typeof LOSSES)[number],
): Partial<SentenceTransformerTrainingArguments> {
  const steps = (name: string) => (options[name] === undefined ? "epoch" : "steps");
  return {
    perDeviceTrainBatchSize: 64,
    ...(Object.keys(keyValues(options, "set")).some((name) => /^warmup/.test(name)) ? {} : { warmupRatio: 0.05 }),
    batchSampler: /Negatives|MegaBatch|GIST/.test(loss)
      ? "no_duplicates"
      : /^Batch/.test(loss)
        ? "group_by_label"
        : "batch_sampler",
    saveStrategy: options.best === true ? steps("eval-steps") : steps("save-steps"),
    saveTotalLimit: 2,
    loggingSteps: 50,
    report: ["metrics", "tensorboard", "html"],
    ...(measures && { evalStrategy: steps("eval-steps") }),
  };
}

function bestOf(
  options: OptionValues,
  measure: (typeof EVALUATORS)[number],
  model: SentenceTransformer,
): Partial<SentenceTransformerTrainingArguments> {
  if (options.best !== true) return {};
  const evalSteps = numberOption(options, "eval-steps", { whole: true, min: 1 });
  return {
    loadBestModelAtEnd: true,
    metricForBestModel: bestMetric(measure, model.similarityFnName),
    ...(evalSteps !== undefined && { saveSteps: evalSteps }),
  };
}

function dimensions(options: OptionValues): number[] | null {
  const text = textOption(options, "matryoshka");
  if (text === undefined) return null;
  const dims = text.split(",").map(Number);
  if (dims.every((dim) => Number.isInteger(dim) && dim > 0)) return dims;
  throw new UsageError(`--matryoshka is ${JSON.stringify(text)}, but dimensions such as 384,192,96 are needed`);
}

const asJson = (summary: TrainSummary, model: string, metrics: object | undefined): string =>
  `${JSON.stringify({ ...summary, ...(summary.stopped ? {} : { model }), ...(metrics && { evaluation: metrics }) }, null, 2)}\n`;

function asText(
  { globalStep, trainLoss, stopped, checkpoint }: TrainSummary,
  folder: string,
  evaluation: Readonly<Record<string, number>> = {},
): string {
  if (stopped)
    return `stopped after step ${globalStep}; the same command goes on: ${checkpoint ?? "no checkpoint yet"}\n`;
  const measured = Object.entries(evaluation).filter(([name]) => !/(_runtime|_per_second|@(1|3|5|100))$/.test(name));
  const table = columns(measured.map(([name, value]) => [name.replace(/^eval_/, ""), value.toPrecision(4)]));
  return `${table}${table && "\n"}${globalStep} ${globalStep === 1 ? "step" : "steps"}, mean loss ${trainLoss.toPrecision(4)}: ${folder}\n`;
}

/** Names in lines that fit a terminal. */
function wrapped(names: readonly string[]): string {
  return names.reduce((text, name) => {
    const line = text.slice(text.lastIndexOf("\n") + 1);
    return `${text},${line.length + name.length > 100 ? "\n" : " "}${name}`;
  });
}
