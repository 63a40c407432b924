import {
  COLUMN_ARGUMENTS,
  type Columns,
  type Dataset,
  fillArguments,
  type Loss,
  type SentenceEvaluator,
  SequentialEvaluator,
  type TrainerCallback,
  type TrainerControl,
  type TrainerState,
  type TrainingArguments,
  type TrainSummary,
} from "@ettin/core";
import type { CardFacts, DatasetFacts, LossFacts, TrainingFacts } from "./card-facts.ts";
import { datasetFacts, lossFacts } from "./dataset-facts.ts";
import type { SentenceTransformer } from "./model.ts";
import { trainingLog } from "./training-log.ts";

/** Arguments that decide nothing about the numbers. */
const NOT_ON_THE_CARD: ReadonlySet<string> = new Set([
  "outputDir",
  "overwriteOutputDir",
  "loggingStrategy",
  "loggingSteps",
  "loggingFirstStep",
  "report",
  "evalStrategy",
  "evalSteps",
  "evalDelay",
  "evalOnStart",
  "saveStrategy",
  "saveSteps",
  "saveTotalLimit",
  "metricForBestModel",
  "greaterIsBetter",
  "handleSignals",
]);

export interface CardCallbackOptions {
  readonly model: SentenceTransformer;
  /** By name; one without several has the name "". */
  readonly trainDatasets: ReadonlyMap<string, Dataset>;
  /** By name; one without several has the name "". */
  readonly evalDatasets: ReadonlyMap<string, Dataset>;
  /** Of a dataset, by its name. */
  readonly lossOf: (dataset: string) => Loss<Columns>;
  readonly evaluator: SentenceEvaluator<SentenceTransformer> | null;
}

/** Keeps what a run does in the model's `cardFacts`, up to date at every checkpoint. */
export class CardCallback implements TrainerCallback {
  private readonly options: CardCallbackOptions;
  private begun = 0;
  private datasets: { train: DatasetFacts[]; evaluation: DatasetFacts[]; losses: LossFacts[] } | null = null;

  constructor(options: CardCallbackOptions) {
    this.options = options;
  }

  async onTrainBegin(args: TrainingArguments, state: TrainerState): Promise<void> {
    this.begun = performance.now();
    const { model, trainDatasets, evalDatasets, lossOf } = this.options;
    const tokenize = (texts: readonly string[]) => model.tokenize(texts, { prompt: "" });
    const factsOf = async (datasets: ReadonlyMap<string, Dataset>) => {
      const facts: DatasetFacts[] = [];
      for (const [name, dataset] of datasets) facts.push(await datasetFacts(name, dataset, lossOf(name), tokenize));
      return facts;
    };
    const losses = new Set([...trainDatasets.keys()].map(lossOf));
    this.datasets = {
      train: await factsOf(trainDatasets),
      evaluation: await factsOf(evalDatasets),
      losses: [...losses].map(lossFacts),
    };
    this.note(args, state);
  }

  onLog(args: TrainingArguments, state: TrainerState): void {
    this.note(args, state);
  }

  onEvaluate(args: TrainingArguments, state: TrainerState): void {
    this.note(args, state);
  }

  onTrainEnd(args: TrainingArguments, state: TrainerState, _: TrainerControl, { stopped }: TrainSummary): void {
    const { bestGlobalStep, bestModelCheckpoint, globalStep } = state;
    const takesBest = args.loadBestModelAtEnd && (stopped === undefined || stopped === "callback");
    const tookBest = takesBest && bestModelCheckpoint !== null && bestGlobalStep !== globalStep;
    this.note(args, state, tookBest ? bestGlobalStep : null);
  }

  private note(args: TrainingArguments, state: TrainerState, bestStep: number | null = null): void {
    if (!this.datasets) return;
    const { train, evaluation, losses } = this.datasets;
    const { evaluator, model } = this.options;
    const facts: TrainingFacts = {
      trainDatasets: train,
      evalDatasets: evaluation,
      losses,
      ...argumentFacts(args),
      log: trainingLog(state.logHistory, primaryMetrics(evaluator)),
      bestStep,
      seconds: (performance.now() - this.begun) / 1000,
    };
    const card: CardFacts = model.cardFacts;
    card.training = facts;
  }
}

function argumentFacts(args: TrainingArguments): Pick<TrainingFacts, "arguments" | "nonDefaultArguments"> {
  const defaults = new Map<string, unknown>(Object.entries(fillArguments({}, { rules: COLUMN_ARGUMENTS })));
  const shown = Object.entries(args).filter(([name]) => !NOT_ON_THE_CARD.has(name));
  const changed = shown.filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(defaults.get(name)));
  return { arguments: Object.fromEntries(shown), nonDefaultArguments: Object.fromEntries(changed) };
}

function primaryMetrics(evaluator: SentenceEvaluator<SentenceTransformer> | null): string[] {
  if (!evaluator) return [];
  const all = evaluator instanceof SequentialEvaluator ? evaluator.evaluators : [evaluator];
  return all.flatMap(({ primaryMetric }) => primaryMetric ?? []);
}
