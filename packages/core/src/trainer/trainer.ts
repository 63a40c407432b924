import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { reportersOf } from "../logging/reporters.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { checkBestMetric, chosenMetric, noteBest } from "./best-metric.ts";
import type { TrainerCallback } from "./callback.ts";
import { loadModelWeights, saveCheckpoint } from "./checkpoint.ts";
import { listCheckpoints, rotateCheckpoints } from "./checkpoint-folder.ts";
import type { RowSource, Sized } from "./collator.ts";
import { applyComputeSettings } from "./compute-settings.ts";
import { setDue, setDueByEpoch } from "./default-flow.ts";
import { fillArguments } from "./fill-arguments.ts";
import { evalDatasetsOf, measureModel } from "./measure-model.ts";
import { openRun, type Run } from "./run.ts";
import { summaryOf } from "./run-summary.ts";
import { type StopRequest, watchForStop } from "./stop-request.ts";
import type { TrainableModel } from "./trainable-model.ts";
import type { Evaluator, TrainerOptions, TrainOptions } from "./trainer-options.ts";
import type { LogEntry, StepReport, TrainerControl, TrainerState, TrainSummary } from "./trainer-state.ts";
import type { TrainingArguments } from "./training-arguments.ts";
import { type LoopReport, trainingLoop } from "./training-loop.ts";

const CALM = { shouldStop: false, shouldSave: false, shouldEvaluate: false, shouldLog: false };

/**
 * Trains a model: the one loop, with its logging, evaluation, checkpoints and callbacks.
 *
 * @example
 *   const trainer = new Trainer({ model, args: { learningRate: 1e-4 }, trainDataset, loss, collator });
 *   const { trainLoss } = await trainer.train();
 */
export class Trainer<R, Batch extends Sized, Model extends TrainableModel = TrainableModel> {
  /** Filled: every argument has its value. */
  readonly args: TrainingArguments;
  readonly model: Model;
  private readonly options: TrainerOptions<R, Batch, Model>;
  private readonly callbacks: readonly TrainerCallback[];
  private readonly evalDatasets: ReadonlyMap<string, RowSource<R>>;
  private readonly evaluators: readonly Evaluator<Model>[];
  private control: TrainerControl = { ...CALM };
  private busy = false;
  /** From the beginning of a save until it is complete; stays where it fails. */
  private saving = false;
  private run: Run<R> | null = null;
  private lastState: TrainerState | null = null;
  private restore: () => void = () => {};

  /** @throws EngineError naming an argument that is unknown or contradicts another */
  constructor(options: TrainerOptions<R, Batch, Model>) {
    this.options = options;
    this.model = options.model;
    this.evalDatasets = evalDatasetsOf(options.evalDataset);
    this.evaluators = options.evaluator === undefined ? [] : [options.evaluator].flat();
    this.args = fillArguments(options.args ?? {}, {
      where: options.name ?? "Trainer",
      evaluates: this.evalDatasets.size + this.evaluators.length > 0,
      ...(options.defaults && { defaults: options.defaults }),
      ...(options.argumentRules && { rules: options.argumentRules }),
    });
    const evaluated = { model: this.model, datasets: [...this.evalDatasets.keys()], evaluators: this.evaluators };
    checkBestMetric(this.name, this.args, evaluated, isSet(options, "metricForBestModel"));
    this.callbacks = [...reportersOf(this.args.report), ...(options.callbacks ?? [])];
  }

  /** Where the run stands; of the last run where none is going on. */
  get state(): TrainerState {
    const state = this.run?.state ?? this.lastState;
    if (state) return state;
    throw new EngineError(this.name, "there is no state before the first step", "Call train() or steps() first.");
  }

  /** The optimizer of the run that is going on, or null. */
  get optimizer(): Optimizer | null {
    return this.run?.optimizer ?? null;
  }

  /**
   * Trains to the end, with logs, evaluations and checkpoints by `args`.
   *
   * On SIGINT, SIGTERM and `signal` it finishes the step, saves, and resolves with `stopped`; the process goes on.
   *
   * An error of the data, an evaluation or a callback comes after a checkpoint of the last complete step, and a notice.
   *
   * @throws NonFiniteLossError with the step and the rows; the weights are then those of the step before
   */
  async train(options: TrainOptions = {}): Promise<TrainSummary> {
    this.begin();
    const stop = watchForStop({ signals: this.args.handleSignals, abort: options.signal });
    const started = performance.now();
    let failure: unknown = null;
    try {
      const run = await this.open(options);
      const first = run.state.globalStep;
      const tokensBefore = run.state.numInputTokensSeen;
      await this.call("onTrainBegin");
      let checkpoint: string | undefined;
      /** Logs, evaluates and saves what is due. @returns whether the run ends here */
      const settle = async (report?: LoopReport): Promise<boolean> => {
        if (report && this.control.shouldLog) await this.logLosses(run, report);
        if (this.control.shouldEvaluate) await this.evaluateInRun(run, stop);
        const moved = run.state.globalStep > first || run.owesEvaluation;
        if (this.control.shouldSave || (stop.reason && moved)) checkpoint = await this.save(run);
        return stop.reason !== null || this.control.shouldStop;
      };
      this.control.shouldEvaluate = run.owesEvaluation || (this.args.evalOnStart && first === 0);
      if (!(await settle())) {
        for await (const report of trainingLoop(run, this.options, this.args)) {
          await this.afterStep(run, report);
          if (!(await settle(report))) continue;
          if (!stop.reason && !endsEpoch(report)) {
            await this.endEpoch(run); // a callback ends the run: as in the reference, that ends the epoch
            await settle(report);
          }
          break;
        }
      }
      const stopped = stop.reason ?? (this.control.shouldStop ? "callback" : undefined);
      if (!stop.reason) {
        await this.takeBest(run);
        if (await this.keepsOnlyBest(run)) checkpoint = run.state.bestModelCheckpoint!;
      }
      const seconds = (performance.now() - started) / 1000;
      const summary = summaryOf(run, { first, tokensBefore, seconds });
      await this.log(run, summary.metrics);
      const whole: TrainSummary = { ...summary, ...(stopped && { stopped }), ...(checkpoint && { checkpoint }) };
      await this.call("onTrainEnd", whole);
      return whole;
    } catch (error) {
      failure = error;
      await this.saveBeforeError();
      throw error;
    } finally {
      stop.dispose();
      await this.close(failure);
    }
  }

  /**
   * The loop alone, without logs, evaluations and checkpoints: they are the caller's `for await`, with `evaluate()` and
   * `saveCheckpoint()`.
   */
  async *steps(options: TrainOptions = {}): AsyncGenerator<StepReport, void, undefined> {
    this.begin();
    try {
      const run = await this.open(options);
      for await (const report of trainingLoop(run, this.options, this.args)) {
        yield report;
        if (options.signal?.aborted) return;
      }
    } finally {
      await this.close(null);
    }
  }

  /**
   * The mean loss of each `evalDataset` ("eval_loss", with several "eval_<name>_loss"), parts of the loss, and the
   * evaluators' metrics.
   */
  async evaluate(): Promise<Record<string, number>> {
    return (await this.measure(null))!;
  }

  /** Saves the run that is going on as `checkpoint-<step>` in `outputDir`, and returns the folder. */
  saveCheckpoint(): Promise<string> {
    if (this.run) return this.save(this.run);
    throw new EngineError(this.name, "no run is going on", "Call it inside the loop over steps(), or use saveModel.");
  }

  /** Writes the model, and the tokenizer beside it. */
  async saveModel(folder: string = this.args.outputDir): Promise<void> {
    await this.model.savePretrained(folder);
    await this.options.tokenizer?.savePretrained(folder);
  }

  private get name(): string {
    return this.options.name ?? "Trainer";
  }

  private begin(): void {
    if (this.busy) throw new EngineError(this.name, "a run is going on already", "Wait for its end.");
    this.busy = true;
  }

  private async open(options: TrainOptions): Promise<Run<R>> {
    this.saving = false;
    const notices: string[] = [...(this.options.notices ?? [])];
    this.control = { ...CALM };
    const run = await openRun(
      this.options,
      this.args,
      options,
      (text) => notices.push(text),
      (saved) => {
        for (const callback of this.callbacks) {
          const state = callback.name === undefined ? undefined : saved[callback.name];
          if (state !== undefined) callback.loadState?.(state as Record<string, unknown>);
        }
      },
    );
    this.run = run;
    this.lastState = run.state;
    this.restore = applyComputeSettings(this.model, this.args, (text) => notices.push(text));
    for (const text of notices) await this.notice(text);
    return run;
  }

  private async close(failure: unknown): Promise<void> {
    const { run } = this;
    this.run = null;
    this.busy = false;
    this.restore();
    this.restore = () => {};
    if (run?.ownsOptimizer) run.optimizer.dispose();
    if (run) await this.call("onClose", failure);
  }

  private async afterStep(run: Run<R>, report: LoopReport): Promise<void> {
    this.calm();
    setDue(this.args, run.state, this.control, report);
    await this.call("onStepEnd", report);
    if (endsEpoch(report)) await this.call("onEpochEnd");
  }

  private async endEpoch(run: Run<R>): Promise<void> {
    this.calm();
    setDueByEpoch(this.args, run.state, this.control);
    await this.call("onEpochEnd");
  }

  /** Nothing is due but an end that was asked for. */
  private calm(): void {
    Object.assign(this.control, { ...CALM, shouldStop: this.control.shouldStop });
  }

  private async logLosses({ sums, state }: Run<R>, { gradNorm, learningRate }: StepReport): Promise<void> {
    const { steps, loss, losses } = sums.since;
    if (steps === 0) return;
    const means = Object.entries(losses).map(([name, sum]): [string, number] => [name, sum / steps]);
    sums.since = { steps: 0, loss: 0, losses: {} };
    await this.log(this.run!, {
      loss: loss / steps,
      ...Object.fromEntries(means),
      grad_norm: gradNorm,
      learning_rate: learningRate,
      num_input_tokens_seen: state.numInputTokensSeen,
    });
  }

  private async log({ state }: Run<R>, values: Readonly<Record<string, number>>): Promise<void> {
    state.logHistory.push({ ...values, epoch: state.epoch, step: state.globalStep } as LogEntry);
    await this.call("onLog", values);
  }

  /** Evaluates, and notes the best; a stop in between leaves the evaluation owed. */
  private async evaluateInRun(run: Run<R>, stop: StopRequest): Promise<void> {
    const owed = run.owesEvaluation;
    run.owesEvaluation = true;
    const metrics = await this.measure(stop);
    if (!metrics) return;
    const chosen = chosenMetric(this.name, this.args, metrics);
    run.owesEvaluation = false;
    const { state } = run;
    state.logHistory.push({ ...metrics, epoch: state.epoch, step: state.globalStep } as LogEntry);
    await this.call("onEvaluate", metrics);
    // The model as it came is no candidate, as in the reference: there is no checkpoint of it.
    if (state.globalStep === 0 || !noteBest(this.args, state, chosen)) return;
    // A stop came between the step and its evaluation: the step is saved already.
    const saved = (await listCheckpoints(this.args.outputDir)).find(({ step }) => owed && step === state.globalStep);
    if (saved) state.bestModelCheckpoint = saved.folder;
    if (this.args.saveStrategy === "best") this.control.shouldSave = true;
  }

  /** @returns null where a stop was asked for */
  private async measure(stop: StopRequest | null): Promise<Record<string, number> | null> {
    const { args, model } = this;
    const { loss, collator } = this.options;
    const place = this.run?.state ?? this.lastState;
    const restore = this.run ? null : applyComputeSettings(model, args, () => {});
    try {
      return await measureModel({
        model,
        loss,
        collator,
        args,
        datasets: this.evalDatasets,
        evaluators: this.evaluators,
        at: { step: place?.globalStep ?? 0, epoch: place?.epoch ?? 0 },
        onBatch: async (done, total) => {
          if (this.run) await this.call("onEvaluateStep", done, total);
        },
        isStopped: () => Boolean(stop?.reason),
        ...(stop && { signal: stop.signal }),
      });
    } finally {
      restore?.();
    }
  }

  private async save(run: Run<R>): Promise<string> {
    const { state } = run;
    const { args } = this;
    const folder = join(args.outputDir, `checkpoint-${state.globalStep}`);
    const bestBefore = state.bestModelCheckpoint;
    if (state.bestGlobalStep === state.globalStep) state.bestModelCheckpoint = folder;
    const callbacks = this.callbacks.flatMap(({ name, saveState }, i) =>
      name !== undefined && saveState ? [[name, saveState.call(this.callbacks[i])] as const] : [],
    );
    this.saving = true;
    try {
      await saveCheckpoint({
        model: this.model,
        tokenizer: this.options.tokenizer ?? null,
        optimizer: run.optimizer,
        modelParameters: run.modelParameters,
        lossParameters: run.lossParameters,
        args,
        run: {
          state,
          callbacks: Object.fromEntries(callbacks),
          random: { seed: args.seed, dataSeed: args.dataSeed ?? args.seed },
          position: run.position,
          datasetFingerprint: run.fingerprint,
          sums: run.sums,
          owesEvaluation: run.owesEvaluation,
        },
      });
    } catch (error) {
      state.bestModelCheckpoint = bestBefore;
      throw error;
    }
    this.saving = false;
    run.savedStep = state.globalStep;
    const best = state.bestModelCheckpoint;
    await rotateCheckpoints(args.outputDir, args.saveTotalLimit, { written: folder, best });
    await this.call("onSave", folder);
    return folder;
  }

  /** So that an error takes no steps away: not where it fell into an update or is of a save itself. */
  private async saveBeforeError(): Promise<void> {
    const { run } = this;
    const wanted = this.options.saveOnError ?? this.args.saveStrategy !== "no";
    if (!run || !wanted || run.updating || this.saving) return;
    const { globalStep } = run.state;
    if (globalStep <= run.savedStep) return;
    let why = "";
    await this.save(run).catch((error: Error) => {
      why = error.message;
    });
    const saved = run.savedStep === globalStep;
    const name = `checkpoint-${globalStep}`;
    await this.notice(
      saved
        ? `An error ends the run; ${name}, its last complete step, was saved before: resume from it.`
        : `An error ends the run, and ${name} could not be saved: ${why}`,
    );
  }

  private async takeBest(run: Run<R>): Promise<void> {
    const { bestModelCheckpoint } = run.state;
    if (!this.args.loadBestModelAtEnd) return;
    if (bestModelCheckpoint) await loadModelWeights(this.model, run.modelParameters, bestModelCheckpoint);
    else
      await this.notice("loadBestModelAtEnd is true, but no evaluated step was saved: the model has its last weights.");
  }

  /** A limit of one checkpoint is met at the end by the best one, as in the reference; until then the last is kept, too. */
  private async keepsOnlyBest({ state: { bestModelCheckpoint: best } }: Run<R>): Promise<boolean> {
    const { outputDir, saveTotalLimit } = this.args;
    if (saveTotalLimit !== 1 || !best) return false;
    await rotateCheckpoints(outputDir, 1, { written: best, best });
    return true;
  }

  private async notice(text: string): Promise<void> {
    if (this.options.onNotice) this.options.onNotice(text);
    else if (this.callbacks.some((callback) => callback.onNotice)) await this.call("onNotice", text);
    else process.emitWarning(text, this.name);
  }

  private async call<K extends keyof TrainerCallback>(hook: K, ...extra: HookExtra<K>): Promise<void> {
    for (const callback of this.callbacks) {
      const method = callback[hook] as ((...args: unknown[]) => unknown) | undefined;
      await method?.call(callback, this.args, this.state, this.control, ...extra);
    }
  }
}

const endsEpoch = (report: LoopReport): boolean => report.endsEpoch || report.isLast;

const isSet = (
  { args, defaults }: Pick<TrainerOptions<never, never>, "args" | "defaults">,
  name: keyof TrainingArguments,
) => (args?.[name] ?? defaults?.[name] ?? null) !== null;

/** What a hook is given after arguments, state and control. */
type HookExtra<K extends keyof TrainerCallback> =
  NonNullable<TrainerCallback[K]> extends (a: never, s: never, c: never, ...extra: infer Extra) => unknown
    ? Extra
    : never;
