import {
  argmax,
  crossEntropy,
  EngineError,
  type Evaluator,
  gather,
  type LanguageModel,
  noGrad,
  type Row,
  Tensor,
  tensorScope,
} from "@ettin/core";
import { type Objective, type TokenTask, tokenTask } from "../batch.ts";
import { checkObjective } from "../objectives/check-objective.ts";
import type { MaskRule } from "../objectives/masking.ts";
import { objectiveCollator } from "../objectives/objective-collator.ts";
import type { SequenceOptions } from "../objectives/sequences.ts";

export interface LanguageModelEvaluationOptions extends SequenceOptions {
  objective: Objective;
  /**
   * The share of tokens that masked objectives hide. The recipe evaluates with 0.15, whatever it trains with.
   *
   * @default 0.15
   */
  maskProbability?: number;
  /** @default "collator" */
  maskRule?: MaskRule;
  /**
   * Of the masks: the same seed hides the same tokens of the same rows, however they are batched.
   *
   * @default 0
   */
  seed?: number;
  /**
   * The tokens that one forward pass sees. It decides memory and speed, never the result's meaning.
   *
   * @default 16384
   */
  tokensPerBatch?: number;
  /** The most sequences of a forward pass, too. @default any number */
  sequencesPerBatch?: number;
}

export interface LanguageModelEvaluation {
  /** The mean cross-entropy over all targets, in nats. */
  readonly loss: number;
  /** `exp(loss)` */
  readonly perplexity: number;
  /** The share of targets that have the highest score. */
  readonly accuracy: number;
  readonly targets: number;
  readonly tokens: number;
  readonly sequences: number;
}

/** Scores that lie in memory at once: 32 MB of them. */
const SCORES = 2 ** 23;

/**
 * How well a model predicts the targets of its objective on rows that it was not trained on. The mean is over targets, not
 * over batches, and is summed in float64. The head runs in float32, over some rows at a time, so memory does not grow with
 * the vocabulary times the batch.
 *
 * @param rows with `input_ids`, or with `text` where the tokenizer itself is given; read as they are needed
 * @throws EngineError where the rows have no targets, or the objective is not the model's
 */
export async function evaluateLanguageModel(
  model: LanguageModel,
  rows: Iterable<Row> | AsyncIterable<Row>,
  options: LanguageModelEvaluationOptions,
): Promise<LanguageModelEvaluation> {
  const where = "evaluateLanguageModel";
  const { objective, maskProbability = 0.15, maskRule = "collator", seed = 0, tokensPerBatch = 16384 } = options;
  const { tokenizer, maxSeqLen, sequencesPerBatch = Number.POSITIVE_INFINITY } = options;
  checkObjective(where, model, objective);
  if (!(tokensPerBatch >= 1)) throw new EngineError(where, `tokensPerBatch is ${tokensPerBatch}`, "Use 1 or more.");
  if (!(sequencesPerBatch >= 1)) {
    throw new EngineError(where, `sequencesPerBatch is ${sequencesPerBatch}`, "Use 1 or more.");
  }
  const collate = objectiveCollator(objective, {
    tokenizer,
    probability: maskProbability,
    rule: maskRule,
    ...(maxSeqLen !== undefined && { maxSeqLen }),
  });

  let [lossSum, correct, targets, tokens, sequences] = [0, 0, 0, 0, 0];
  let waiting: TokenTask[] = [];
  let waitingTokens = 0;
  const run = async () => {
    const found = await predict(model, joined(waiting));
    lossSum += found.lossSum;
    correct += found.correct;
    [waiting, waitingTokens] = [[], 0];
  };
  for await (const row of rows) {
    const task = await collate([row], { seed, epoch: 0, step: 0, firstSequence: sequences });
    const full = waiting.length >= sequencesPerBatch || waitingTokens + task.tokenCount > tokensPerBatch;
    if (waitingTokens > 0 && full) await run();
    waiting.push(task);
    waitingTokens += task.tokenCount;
    sequences++;
    targets += task.targets.rows.length;
    tokens += task.tokenCount;
  }
  if (waitingTokens > 0) await run();
  if (targets === 0) {
    throw new EngineError(where, `${sequences} sequences have no targets`, "Give more rows, or mask a larger share.");
  }
  const loss = lossSum / targets;
  return { loss, perplexity: Math.exp(loss), accuracy: correct / targets, targets, tokens, sequences };
}

/**
 * The same as an evaluator of a trainer: "eval_loss", "eval_perplexity", "eval_accuracy" and the counts.
 *
 * @param rows read again at each evaluation: an array, or a dataset
 */
export function languageModelEvaluator(
  rows: Iterable<Row>,
  options: LanguageModelEvaluationOptions,
): Evaluator<LanguageModel> {
  return async (model) => ({ ...(await evaluateLanguageModel(model, rows, options)) });
}

/** Tasks as one batch. */
function joined(tasks: readonly TokenTask[]): TokenTask {
  const count = (of: (task: TokenTask) => number) => tasks.reduce((sum, task) => sum + of(task), 0);
  const tokens = new Int32Array(count((task) => task.tokenCount));
  const offsets = new Int32Array(count((task) => task.sequenceCount) + 1);
  const targetCount = count((task) => task.targets.rows.length);
  const [rows, ids] = [new Int32Array(targetCount), new Int32Array(targetCount)];
  let [token, sequence, target] = [0, 0, 0];
  for (const task of tasks) {
    const first = token;
    tokens.set(task.tokens, first);
    offsets.set(
      task.offsets.map((offset) => offset + first),
      sequence,
    ); // its end is the next one's start
    rows.set(
      task.targets.rows.map((row) => row + first),
      target,
    );
    ids.set(task.targets.ids, target);
    token += task.tokenCount;
    sequence += task.sequenceCount;
    target += task.targets.rows.length;
  }
  return tokenTask(tasks[0]!.objective, { tokens, offsets }, { rows, ids });
}

async function predict(model: LanguageModel, batch: TokenTask): Promise<{ lossSum: number; correct: number }> {
  const { rows, ids } = batch.targets;
  const each = Math.max(1, Math.floor(SCORES / model.config.vocabSize));
  const { device } = model;
  const parts = tensorScope(() =>
    noGrad(() => {
      const hidden = model.model.forward(batch);
      const reading: [losses: Promise<ArrayLike<number>>, best: Promise<ArrayLike<number>>, first: number][] = [];
      for (let first = 0; first < rows.length; first += each) {
        const some = (values: Int32Array) => Tensor.from(values.slice(first, first + each), { device });
        tensorScope(() => {
          const scores = model.logits(gather(hidden, some(rows)).to("float32"));
          const losses = crossEntropy(scores, some(ids), { reduction: "none" });
          reading.push([losses.data(), argmax(scores, 1).data(), first]);
        });
      }
      return reading;
    }),
  );
  let [lossSum, correct] = [0, 0];
  for (const [reading, bestIds, first] of parts) {
    const [losses, best] = await Promise.all([reading, bestIds]);
    for (let i = 0; i < losses.length; i++) {
      lossSum += losses[i]!;
      if (best[i] === ids[first + i]) correct++;
    }
  }
  return { lossSum, correct };
}
