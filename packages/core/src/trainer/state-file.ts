/** `trainer_state.json`: the reference's keys, and under `ettin` what an exact resumption needs beside them. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { readJson } from "../model/read-json.ts";
import { STATE_FILE } from "./checkpoint-folder.ts";
import type { DataPosition } from "./step-batches.ts";
import type { LogEntry, TrainerState } from "./trainer-state.ts";

/** The form of the `ettin` object; another one is refused. */
const VERSION = 1;

/** What has been added up since the last log, and over the run. */
export interface LossSums {
  since: { steps: number; loss: number; losses: Record<string, number> };
  run: { steps: number; loss: number };
}

/** All of a run's state that is not tensors. */
export interface SavedRun {
  readonly state: TrainerState;
  readonly callbacks: Readonly<Record<string, unknown>>;
  readonly random: { readonly seed: number; readonly dataSeed: number };
  readonly position: DataPosition;
  readonly datasetFingerprint: string;
  readonly sums: LossSums;
  /** An evaluation that the last step owes: the run was stopped before it. */
  readonly owesEvaluation: boolean;
}

export async function writeStateFile(folder: string, run: SavedRun): Promise<void> {
  const { state } = run;
  const json = {
    best_global_step: state.bestGlobalStep,
    best_metric: state.bestMetric,
    best_model_checkpoint: state.bestModelCheckpoint,
    epoch: state.epoch,
    eval_steps: state.evalSteps,
    ettin: {
      datasetFingerprint: run.datasetFingerprint,
      owesEvaluation: run.owesEvaluation,
      random: run.random,
      samplers: run.position,
      sums: run.sums,
      tokensSeen: state.numInputTokensSeen,
      version: VERSION,
    },
    global_step: state.globalStep,
    is_hyper_param_search: false,
    is_local_process_zero: true,
    is_world_process_zero: true,
    log_history: state.logHistory,
    logging_steps: state.loggingSteps,
    max_steps: state.maxSteps,
    num_input_tokens_seen: state.numInputTokensSeen,
    num_train_epochs: state.numTrainEpochs,
    save_steps: state.saveSteps,
    stateful_callbacks: run.callbacks,
    total_flos: 0,
    train_batch_size: state.trainBatchSize,
    trial_name: null,
    trial_params: null,
  };
  await writeFile(join(folder, STATE_FILE), `${JSON.stringify(json, null, 2)}\n`);
}

/** @returns null for a checkpoint of another library, which has no `ettin` object */
export async function readStateFile(folder: string): Promise<SavedRun | null> {
  const file = join(folder, STATE_FILE);
  const json = await readJson("train", file);
  const fail = (what: string): never => {
    throw new EngineError("train", `${file} ${what}`, "Resume from another checkpoint, or start a new run.");
  };
  if (!json) return fail("is missing");
  if (json.ettin === undefined) return null;
  const ettin = json.ettin as Record<string, unknown>;
  if (ettin?.version !== VERSION) return fail(`has form ${JSON.stringify(ettin?.version)}, ${VERSION} is known`);
  const count = (value: unknown, name: string): number =>
    Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : fail(`has ${name} ${shown(value)}`);
  const number = (value: unknown, name: string): number =>
    typeof value === "number" ? value : fail(`has ${name} ${shown(value)}`);
  const orNull = <T>(value: unknown, kind: string, name: string): T | null =>
    value === null || value === undefined
      ? null
      : typeof value === kind
        ? (value as T)
        : fail(`has ${name} ${shown(value)}`);
  const object = (value: unknown, name: string): Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : fail(`has ${name} ${shown(value)}`);
  const position = object(ettin.samplers, "ettin.samplers");
  const random = object(ettin.random, "ettin.random");
  const sums = object(ettin.sums, "ettin.sums");
  const since = object(sums.since, "ettin.sums.since");
  const run = object(sums.run, "ettin.sums.run");
  if (!Array.isArray(json.log_history)) return fail(`has log_history ${shown(json.log_history)}`);
  return {
    state: {
      globalStep: count(json.global_step, "global_step"),
      epoch: number(json.epoch, "epoch"),
      maxSteps: number(json.max_steps, "max_steps"),
      numTrainEpochs: number(json.num_train_epochs, "num_train_epochs"),
      loggingSteps: number(json.logging_steps, "logging_steps"),
      evalSteps: number(json.eval_steps, "eval_steps"),
      saveSteps: number(json.save_steps, "save_steps"),
      trainBatchSize: number(json.train_batch_size, "train_batch_size"),
      numInputTokensSeen: count(ettin.tokensSeen, "ettin.tokensSeen"),
      bestMetric: orNull<number>(json.best_metric, "number", "best_metric"),
      bestGlobalStep: orNull<number>(json.best_global_step, "number", "best_global_step"),
      bestModelCheckpoint: orNull<string>(json.best_model_checkpoint, "string", "best_model_checkpoint"),
      logHistory: json.log_history as LogEntry[],
    },
    callbacks: object(json.stateful_callbacks ?? {}, "stateful_callbacks"),
    random: {
      seed: count(random.seed, "ettin.random.seed"),
      dataSeed: count(random.dataSeed, "ettin.random.dataSeed"),
    },
    position: {
      epoch: count(position.epoch, "ettin.samplers.epoch"),
      batches: count(position.batches, "ettin.samplers.batches"),
    },
    datasetFingerprint: String(ettin.datasetFingerprint),
    sums: {
      since: {
        steps: count(since.steps, "ettin.sums.since.steps"),
        loss: number(since.loss, "ettin.sums.since.loss"),
        losses: object(since.losses, "ettin.sums.since.losses") as Record<string, number>,
      },
      run: { steps: count(run.steps, "ettin.sums.run.steps"), loss: number(run.loss, "ettin.sums.run.loss") },
    },
    owesEvaluation: ettin.owesEvaluation === true,
  };
}

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
};
