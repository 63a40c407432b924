import type { Sized } from "./collator.ts";
import type { NamedTensor } from "./load-into.ts";
import { NonFiniteLossError } from "./non-finite-loss.ts";
import type { Run } from "./run.ts";
import { OneAhead, stepBatches } from "./step-batches.ts";
import { enqueueStep } from "./train-step.ts";
import type { RunOptions } from "./trainer-options.ts";
import type { StepReport } from "./trainer-state.ts";
import type { TrainingArguments } from "./training-arguments.ts";

/** A step's report, and whether it is the run's last. */
export type LoopReport = StepReport & { readonly isLast: boolean };

/**
 * The loop: from a run's position to its end, one optimizer step at a time. Logging, evaluating and saving are the
 * caller's `for await`. While the device computes a step, the next one's batches are prepared.
 */
export async function* trainingLoop<R, Batch extends Sized>(
  run: Run<R>,
  { model, loss, collator }: RunOptions<R, Batch>,
  args: TrainingArguments,
): AsyncGenerator<LoopReport, void, undefined> {
  const { state, optimizer, schedule, length } = run;
  const parameters = optimizer.groups.flatMap((group) => group.parameters);
  const data = new OneAhead(
    stepBatches({
      dataset: run.dataset,
      source: run.source,
      collator,
      seed: args.dataSeed ?? args.seed,
      batchesPerStep: run.batchesPerStep,
      end: { ...length, steps: length.steps ?? Number.POSITIVE_INFINITY },
      from: { ...run.position, step: state.globalStep, tokensSeen: state.numInputTokensSeen },
    }),
  );
  let since = performance.now();
  try {
    for (let step = await data.next(); step; step = await data.next()) {
      const time = args.scheduleUnit === "tokens" ? state.numInputTokensSeen : state.globalStep;
      const factor = schedule(time);
      const { maxGradNorm, maxTokensPerMicroBatch, seed } = args;
      const beforeUpdate = () => {
        run.updating = true;
      };
      const work = { loss, optimizer, parameters, seed, factor, maxGradNorm, maxTokensPerMicroBatch, beforeUpdate };
      const reading = enqueueStep(step, { ...work, step: state.globalStep });
      if (!step.isLast) data.prepare();
      const numbers = await reading; // the only wait of the step
      if (!Number.isFinite(numbers.loss + numbers.gradNorm)) {
        const { computeDtype } = model;
        const { loss: value, gradNorm } = numbers;
        const { dataset } = run;
        throw new NonFiniteLossError(state.globalStep + 1, value, gradNorm, step.rows, {
          bfloat16: computeDtype === "bfloat16",
          place: dataset.place?.bind(dataset),
          harmed: await notFinite([...run.modelParameters, ...run.lossParameters]),
        });
      }
      run.updating = false;
      state.globalStep++;
      state.epoch = step.epoch;
      state.numInputTokensSeen += step.tokens;
      run.position = step.next;
      if (length.steps === null) {
        const left = Math.max(0, length.tokens - state.numInputTokensSeen);
        state.maxSteps = Math.ceil(
          state.globalStep + (left * state.globalStep) / Math.max(1, state.numInputTokensSeen),
        );
      }
      addUp(run, numbers);
      yield {
        step: state.globalStep,
        epoch: state.epoch,
        ...numbers,
        learningRate: optimizer.baseLearningRate * factor,
        tokens: step.tokens,
        tokensSeen: state.numInputTokensSeen,
        sequences: step.sequences,
        rows: step.rows.length,
        seconds: (performance.now() - since) / 1000,
        endsEpoch: step.endsEpoch,
        isLast: step.isLast,
      };
      since = performance.now();
    }
  } finally {
    optimizer.zeroGrad(); // only after an error is there anything
    await data.close();
  }
}

/** The name of a parameter with an infinite value or NaN, or null. */
async function notFinite(parameters: readonly NamedTensor[]): Promise<string | null> {
  for (const { name, tensor } of parameters) {
    const values = (await tensor.data()) as Float32Array;
    if (!values.every(Number.isFinite)) return name;
  }
  return null;
}

function addUp({ sums }: Pick<Run<never>, "sums">, { loss, losses }: Pick<StepReport, "loss" | "losses">): void {
  sums.run.steps++;
  sums.run.loss += loss;
  sums.since.steps++;
  sums.since.loss += loss;
  for (const [name, value] of Object.entries(losses)) {
    sums.since.losses[name] = (sums.since.losses[name] ?? 0) + value;
  }
}
