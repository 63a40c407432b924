import {
  type Dataset,
  type LanguageModel,
  lastCheckpoint,
  type ModernBertConfig,
  type Row,
  reportersOf,
  Tokenizer,
  Trainer,
  type TrainerCallback,
  type TrainSummary,
} from "@ettin/core";
import type { TokenTask } from "../batch.ts";
import { evaluateLanguageModel } from "../evaluators/language-model.ts";
import { LanguageModelingLoss } from "../losses/language-modeling.ts";
import { objectiveCollator } from "../objectives/objective-collator.ts";
import { type TokenIds, tokenIdsOf } from "../objectives/token-ids.ts";
import { recordDataOrder } from "../prepare/record-data-order.ts";
import type { RecipePhase } from "../recipe/recipe.ts";
import { everyTokens } from "./every-tokens.ts";
import { phaseArguments } from "./phase-arguments.ts";
import { phaseModel } from "./phase-model.ts";
import { phaseSource } from "./phase-source.ts";
import { exportCheckpoint, exportMissing } from "./revisions.ts";
import type { RunRecipeOptions } from "./run-recipe.ts";

export interface RunPhaseOptions extends Omit<RunRecipeOptions, "data" | "output" | "startFrom"> {
  phase: RecipePhase;
  /** Where checkpoints and reports of the phase go. */
  folder: string;
  dataset: Dataset;
  tokenizer: Tokenizer | TokenIds;
  /** The model to begin with: a folder or a name. null: a new one. */
  from: string | null;
  /** `from` is the checkpoint of the phase before: its optimizer's state is taken over, too. */
  continues: boolean;
}

export interface PhaseResult {
  readonly summary: TrainSummary;
  readonly tokens: number;
  /** The evaluation at its end; empty without evalData. */
  readonly evaluation: Readonly<Record<string, number>>;
}

const TOKENS_AT_ONCE = 16_384;

/** Trains one phase, from its start or from its last checkpoint. */
export async function runPhase(options: RunPhaseOptions): Promise<PhaseResult> {
  const { recipe, phase, folder, dataset, tokenizer, from, continues, evalData } = options;
  const { maxTokensPerMicroBatch = TOKENS_AT_ONCE } = options;
  const { source, args } = phaseSource(recipe, phase, dataset, phaseArguments(recipe, phase));
  const resumed = await lastCheckpoint(folder);
  if (options.exportTo) await exportMissing(folder, phase, options.exportTo);
  const model = await phaseModel(recipe, phase, tokenIdsOf("runRecipe", tokenizer), resumed ?? from);
  const sequences = { tokenizer, maxSeqLen: phase.maxSeqLen };
  const orderName = ORDER_NAMES[phase.revision] ?? phase.revision;
  const order = options.dataOrder === undefined ? null : recordDataOrder(options.dataOrder, { phase: orderName });
  const collator = objectiveCollator(recipe.objective, {
    ...sequences,
    probability: phase.maskProbability,
    rule: recipe.maskRule,
  });
  options.onPhase?.({ phase, from: resumed ?? from, resumes: resumed !== null });
  try {
    const trainer: Trainer<Row, TokenTask, LanguageModel<ModernBertConfig>> = new Trainer({
      name: "runRecipe",
      model,
      args: {
        ...args,
        outputDir: folder,
        maxTokensPerMicroBatch,
        gradientCheckpointing: options.gradientCheckpointing ?? false,
        loggingSteps: options.loggingSteps ?? 100,
        loggingFirstStep: true,
        saveTotalLimit: options.saveTotalLimit ?? null,
        report: [], // below, where they are told what the run is
        handleSignals: options.handleSignals ?? true,
      },
      trainDataset: dataset,
      batchSampler: source,
      collator: order?.collator(collator) ?? collator,
      loss: new LanguageModelingLoss(model, { dropout: { attentionOutput: recipe.attentionOutputDropout } }),
      callbacks: [
        ...(order ? [order.callback] : []),
        ...reportersOf(options.report ?? ["metrics", "tensorboard", "html", "progress"], {
          html: { title: `${recipe.name}: ${phase.name}`, facts: modelFacts(model) },
        }),
        everyTokens({
          save: phase.checkpointTokens,
          evaluate: evalData ? (options.evalTokens ?? phase.checkpointTokens) : null,
        }),
        ...(options.exportTo ? [exporter(phase, options.exportTo)] : []),
        ...(options.callbacks ?? []),
      ],
      saveOnError: true,
      ...(evalData && { evaluator: () => evaluate(trainer.state.numInputTokensSeen >= phase.tokens) }),
      ...(tokenizer instanceof Tokenizer && { tokenizer }),
      ...(options.onNotice && { onNotice: options.onNotice }),
    });
    const summary = await trainer.train({
      resumeFromCheckpoint: resumed !== null,
      ...(continues && resumed === null && from !== null && { optimizerFrom: from }),
      ...(options.signal && { signal: options.signal }),
    });
    const { logHistory, globalStep, numInputTokensSeen } = trainer.state;
    const last = logHistory.filter((entry) => "eval_loss" in entry && entry.step === globalStep).at(-1);
    const { step: _step, epoch: _epoch, ...evaluation } = last ?? { step: 0, epoch: 0 };
    return { summary, tokens: numInputTokensSeen, evaluation };
  } finally {
    model.dispose();
  }

  async function evaluate(atEnd: boolean): Promise<Record<string, number>> {
    const rows = atEnd || options.evalRows === undefined ? evalData! : evalData!.take(options.evalRows);
    const { loss, perplexity, accuracy } = await evaluateLanguageModel(model, rows, {
      ...sequences,
      objective: recipe.objective,
      maskProbability: recipe.evalMaskProbability,
      maskRule: recipe.maskRule,
      seed: recipe.shuffleSeed,
      tokensPerBatch: maxTokensPerMicroBatch,
      sequencesPerBatch: recipe.evalBatchSize,
    });
    return { loss, perplexity, accuracy };
  }
}

/** What the data order calls the phase of a revision. */
const ORDER_NAMES: Readonly<Record<string, string>> = { step: "pretraining", ext: "extension" };

/** A table for the report. */
function modelFacts(model: LanguageModel<ModernBertConfig>): Record<string, Record<string, unknown>> {
  const { vocabSize, hiddenSize, intermediateSize, numHiddenLayers, numAttentionHeads, slidingWindow } = model.config;
  const shape = { numHiddenLayers, hiddenSize, intermediateSize, numAttentionHeads, slidingWindow, vocabSize };
  const parameters = model.parameterCount.toLocaleString("en-US");
  return { Model: { architecture: model.architecture, parameters, ...shape } };
}

/** Makes a model's folder of each checkpoint. */
const exporter = (phase: RecipePhase, target: string): TrainerCallback => ({
  async onSave(_args, _state, _control, checkpoint) {
    await exportCheckpoint(checkpoint, phase, target);
  },
});
