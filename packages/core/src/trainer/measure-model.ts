import { join } from "node:path";
import { metricKey } from "./best-metric.ts";
import type { Collator, RowSource, Sized } from "./collator.ts";
import { evaluateLoss } from "./evaluate-loss.ts";
import type { Loss } from "./loss.ts";
import type { TrainableModel } from "./trainable-model.ts";
import type { Evaluator, TrainerOptions } from "./trainer-options.ts";
import type { TrainingArguments } from "./training-arguments.ts";

export interface MeasureOptions<R, Batch extends Sized, Model extends TrainableModel> {
  readonly model: Model;
  readonly loss: Loss<Batch>;
  readonly collator: Collator<R, Batch>;
  /** By name; one without several has the name "". */
  readonly datasets: ReadonlyMap<string, RowSource<R>>;
  readonly evaluators: readonly Evaluator<Model>[];
  readonly args: TrainingArguments;
  readonly at: { readonly step: number; readonly epoch: number };
  /** Called after each batch. */
  readonly onBatch: (done: number, total: number) => Promise<void>;
  /** Asked between batches and between evaluators. */
  readonly isStopped: () => boolean;
  /** Aborted when `isStopped` begins to say so. */
  readonly signal?: AbortSignal;
}

/** All metrics of one evaluation, named "eval_…"; null where it was stopped. */
export async function measureModel<R, Batch extends Sized, Model extends TrainableModel>(
  options: MeasureOptions<R, Batch, Model>,
): Promise<Record<string, number> | null> {
  const { loss, collator, datasets, evaluators, args, onBatch, isStopped } = options;
  const metrics: Record<string, number> = {};
  for (const [name, dataset] of datasets) {
    if (isStopped()) return null;
    const started = performance.now();
    const found = await evaluateLoss({
      dataset,
      collator,
      loss,
      batchSize: args.perDeviceEvalBatchSize,
      seed: args.dataSeed ?? args.seed,
      maxTokensPerMicroBatch: args.maxTokensPerMicroBatch,
      onBatch: async (done, total) => {
        await onBatch(done, total);
        return isStopped();
      },
    });
    if (!found) return null;
    const seconds = (performance.now() - started) / 1000;
    const prefix = name === "" ? "eval_" : `eval_${name}_`;
    metrics[`${prefix}loss`] = found.loss;
    for (const [part, value] of Object.entries(found.losses)) metrics[prefix + part] = value;
    metrics[`${prefix}runtime`] = seconds;
    metrics[`${prefix}samples_per_second`] = dataset.length / seconds;
    metrics[`${prefix}steps_per_second`] = found.batches / seconds;
  }
  for (const evaluator of evaluators) {
    if (isStopped()) return null;
    const found = await runEvaluator(evaluator, options).catch((error: unknown) => {
      if (isStopped()) return null;
      throw error;
    });
    if (!found) return null;
    for (const [name, value] of Object.entries(found)) metrics[metricKey(name)] = value;
  }
  return metrics;
}

async function runEvaluator<Model extends TrainableModel>(
  evaluator: Evaluator<Model>,
  { model, args, at, signal }: Pick<MeasureOptions<never, never, Model>, "model" | "args" | "at" | "signal">,
): Promise<Readonly<Record<string, number>>> {
  const outputDir = join(args.outputDir, "eval");
  const stop = signal && { signal };
  if (typeof evaluator === "function") return evaluator(model, { ...at, outputDir, ...stop });
  const { epoch, step: steps } = at;
  return evaluator.evaluate(model, { outputPath: outputDir, epoch, steps, ...stop });
}

/** The evaluation sets by name. */
export function evalDatasetsOf<R, Batch extends Sized>(
  given: TrainerOptions<R, Batch>["evalDataset"],
): ReadonlyMap<string, RowSource<R>> {
  if (!given) return new Map();
  if (typeof (given as RowSource<R>).rows === "function") return new Map([["", given as RowSource<R>]]);
  return new Map(Object.entries(given as Readonly<Record<string, RowSource<R>>>));
}
