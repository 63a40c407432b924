import { mkdir, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import {
  type Dataset,
  EngineError,
  lastCheckpoint,
  type Report,
  type Reporter,
  Tokenizer,
  type TrainerCallback,
} from "@ettin/core";
import { ettinTokenIds, type TokenIds } from "../objectives/token-ids.ts";
import type { Recipe, RecipePhase } from "../recipe/recipe.ts";
import { exportMissing } from "./revisions.ts";
import { runPhase } from "./run-phase.ts";
import {
  checkSameRecipe,
  checkSameStart,
  type FinishedPhase,
  type RunRecord,
  readRunRecord,
  writeRunRecord,
} from "./run-record.ts";
import { runReport } from "./run-report.ts";

export interface RunRecipeOptions {
  recipe: Recipe;
  /** The run's folder: each phase has one of its own in it, and `pretraining.json` tells how far the run is. */
  output: string;
  /** Rows with `input_ids`, or with `text` where there is a tokenizer: for all phases, or by their names. */
  data: Dataset | Readonly<Record<string, Dataset>>;
  /** Rows that are not trained on: their loss, perplexity and accuracy are measured during and after each phase. */
  evalData?: Dataset;
  /**
   * The tokenizer, saved beside each checkpoint; or its ids, for rows that are encoded already.
   *
   * @default the ids of the Ettin models
   */
  tokenizer?: Tokenizer | TokenIds;
  /** The weights to start with. @default the recipe's: for a first phase none, else the named model of the hub */
  startFrom?: string;
  /** Tokens that the model computes at once. It decides memory and speed only. @default 16384 */
  maxTokensPerMicroBatch?: number;
  /** Keep only each layer's input for the gradients, and compute the rest again. @default false */
  gradientCheckpointing?: boolean;
  /** Tokens between two evaluations. @default those between two checkpoints */
  evalTokens?: number;
  /** Rows of `evalData` that an evaluation during a phase takes; the one at its end takes all. @default all */
  evalRows?: number;
  /** Steps between two log events. @default 100 */
  loggingSteps?: number;
  /** @default ["progress", "metrics", "tensorboard", "html"] */
  report?: readonly Reporter[];
  /** Checkpoints of each phase to keep. @default all */
  saveTotalLimit?: number;
  /** Each checkpoint is also made a model's folder below this one, named as a revision: "step1000", "ext500". */
  exportTo?: string;
  /** Where the order of the data is written, as `DataOrderWriter` does. @default nowhere */
  dataOrder?: string;
  callbacks?: readonly TrainerCallback[];
  /** Called when a phase begins, or goes on. */
  onPhase?: (begins: PhaseBegins) => void;
  /** On SIGINT and SIGTERM finish the step, save, and resolve. @default true */
  handleSignals?: boolean;
  signal?: AbortSignal;
  onNotice?: (notice: string) => void;
}

export interface PhaseBegins {
  readonly phase: RecipePhase;
  /** The checkpoint or model whose weights it begins with; null: new ones. */
  readonly from: string | null;
  /** `from` is a checkpoint of the phase itself. */
  readonly resumes: boolean;
}

export interface PretrainSummary {
  /** The finished phases, in order. */
  readonly phases: readonly (FinishedPhase & { readonly name: string })[];
  /** The last checkpoint: a folder that loads as a model. */
  readonly checkpoint: string | null;
  /** Why it ended before its time. */
  readonly stopped?: "SIGINT" | "SIGTERM" | "abort" | "callback";
}

/**
 * Trains a model through the phases of a recipe. Each begins with the weights and the optimizer's state of the one
 * before, its time at 0. A run that was stopped, or killed, goes on where its last checkpoint is when it is called again
 * with the same recipe, data and output.
 *
 * @see https://arxiv.org/abs/2507.11412
 */
export async function runRecipe(options: RunRecipeOptions): Promise<PretrainSummary> {
  const { recipe, output } = options;
  const datasets = datasetsOf(options);
  const startFrom = await asWritten(options.startFrom ?? recipe.startFrom);
  const before = await readRunRecord(output);
  const tokenizer = fingerprintOf(options.tokenizer ?? ettinTokenIds);
  const record: RunRecord = { recipe, startFrom, tokenizer, finished: before?.finished ?? {} };
  if (before) {
    const begun = await begunPhases(recipe, output, before);
    checkSameRecipe(output, before, recipe, begun);
    if (begun.length > 0) checkSameStart(output, before, record);
  }
  await mkdir(output, { recursive: true });
  await writeRunRecord(output, record);

  const finished = new Map(Object.entries(record.finished));
  let previous: string | null = null;
  for (const phase of recipe.phases) {
    const earlier = finished.get(phase.name);
    if (earlier) {
      previous = join(output, earlier.checkpoint);
      if (options.exportTo) await exportMissing(join(output, phase.name), phase, options.exportTo);
      continue;
    }
    const folder = join(output, phase.name);
    const { summary, tokens, evaluation } = await runPhase({
      ...options,
      phase,
      folder,
      dataset: datasets(phase.name),
      tokenizer: options.tokenizer ?? ettinTokenIds,
      from: previous ?? startFrom,
      continues: previous !== null,
    });
    const checkpoint = await lastCheckpoint(folder);
    if (summary.stopped) {
      await writeReport(options, "stopped");
      return summaryOf(recipe, finished, checkpoint ?? previous, summary.stopped);
    }
    if (!checkpoint) throw new EngineError("runRecipe", `phase ${phase.name} left no checkpoint`, "Run it again.");
    previous = checkpoint;
    finished.set(phase.name, {
      steps: summary.globalStep,
      tokens,
      checkpoint: relative(output, checkpoint),
      evaluation,
    });
    await writeRunRecord(output, { ...record, finished: Object.fromEntries(finished) });
    await writeReport(options, finished.size < recipe.phases.length ? "running" : "finished");
  }
  return summaryOf(recipe, finished, previous);
}

/** A folder by its whole path, a name of the hub as it is. */
async function asWritten(startFrom: string | null): Promise<string | null> {
  if (startFrom === null) return null;
  const isFolder = await stat(startFrom).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isFolder ? resolve(startFrom) : startFrom;
}

function fingerprintOf(tokenizer: Tokenizer | TokenIds): string {
  return tokenizer instanceof Tokenizer ? tokenizer.fingerprint : JSON.stringify(Object.entries(tokenizer).sort());
}

/** The whole run's page and picture. */
async function writeReport({ output, report }: RunRecipeOptions, state: Report["state"]): Promise<void> {
  if (report && !(report.includes("html") && report.includes("metrics"))) return;
  await runReport(output, state);
}

function summaryOf(
  recipe: Recipe,
  finished: ReadonlyMap<string, FinishedPhase>,
  checkpoint: string | null,
  stopped?: PretrainSummary["stopped"],
): PretrainSummary {
  const phases = recipe.phases.flatMap(({ name }) => {
    const phase = finished.get(name);
    return phase ? [{ name, ...phase }] : [];
  });
  return { phases, checkpoint, ...(stopped ? { stopped } : {}) };
}

async function begunPhases(recipe: Recipe, output: string, { finished }: RunRecord): Promise<string[]> {
  const begun = Object.keys(finished);
  for (const { name } of recipe.phases) {
    if (!begun.includes(name) && (await lastCheckpoint(join(output, name)))) begun.push(name);
  }
  return begun;
}

function datasetsOf({ recipe, data, tokenizer }: RunRecipeOptions): (phase: string) => Dataset {
  const single = "rows" in data && typeof data.rows === "function" ? (data as Dataset) : null;
  const of = (phase: string): Dataset => {
    const found = single ?? (Object.hasOwn(data, phase) ? (data as Record<string, Dataset>)[phase] : undefined);
    if (found) return found;
    throw new EngineError(
      "runRecipe",
      `there is no data for phase ${phase}, but for ${Object.keys(data).join(", ") || "none"}`,
      "Give one dataset for all phases, or one for each by its name.",
    );
  };
  for (const { name } of recipe.phases) {
    const columns = of(name).columnNames as readonly string[];
    if (columns.includes("input_ids") || columns.includes("ids")) continue;
    if (columns.includes("text") && tokenizer instanceof Tokenizer) continue;
    throw new EngineError(
      "runRecipe",
      `the data of phase ${name} has the columns ${columns.join(", ")}`,
      columns.includes("text") ? "Pass a tokenizer for its texts." : 'It needs "input_ids", or "text" and a tokenizer.',
    );
  }
  return of;
}
