/** One optimizer step on the device: enqueued as a whole, read in one go. */
import { EngineError, shapeText } from "../errors.ts";
import { concat } from "../ops/concat.ts";
import { clipGradNorm } from "../optim/clip-grad-norm.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { tensorScope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Loss, LossPass, LossPiece } from "./loss.ts";
import type { StepBatches } from "./step-batches.ts";

export interface StepWork<Batch> {
  readonly loss: Loss<Batch>;
  readonly optimizer: Optimizer;
  /** All that the optimizer moves. */
  readonly parameters: readonly Tensor[];
  readonly step: number;
  readonly seed: number;
  /** What the schedule gives: every group's learning rate is multiplied by it. */
  readonly factor: number;
  /** 0: no limit. */
  readonly maxGradNorm: number;
  readonly maxTokensPerMicroBatch: number | null;
  /** Called right before the first parameter changes. */
  readonly beforeUpdate: () => void;
}

export interface StepNumbers {
  readonly loss: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly gradNorm: number;
}

/**
 * Enqueues forward and backward passes of all micro-batches, the optimizer's step, and one copy of what is to be known
 * of it: the loss, the norm and the loss's parts. Where loss or norm is not finite the parameters stay as they are.
 *
 * @returns resolves when the device is done: the only wait of a step
 */
export function enqueueStep<Batch>(data: StepBatches<Batch>, work: StepWork<Batch>): Promise<StepNumbers> {
  const { optimizer, parameters, factor, maxGradNorm } = work;
  const names: string[] = [];
  const numbers = tensorScope(() => {
    const sums = new Map<string, Tensor>();
    for (const piece of microBatches(data, work)) addPart(sums, runPiece(piece, work.loss));
    const { norm, maxNorm } = clipGradNorm(parameters, maxGradNorm || Number.POSITIVE_INFINITY);
    const loss = sums.get(TOTAL) ?? Tensor.zeros([], { device: norm.device });
    sums.delete(TOTAL);
    // A loss that is infinite or NaN must not change the weights either, even with finite gradients.
    const guard = norm.add(loss.mul(0));
    work.beforeUpdate();
    optimizer.scaledStep(factor, { norm: guard, maxNorm });
    optimizer.zeroGrad();
    names.push(...sums.keys());
    return concat([loss, norm, ...sums.values()].map((x) => x.reshape([1])));
  });
  const read = numbers.data();
  numbers.dispose();
  return read.then(([loss, gradNorm, ...parts]) => ({
    loss: loss!,
    gradNorm: gradNorm!,
    losses: Object.fromEntries(names.map((name, i) => [name, parts[i]!])),
  }));
}

/** The key of the whole loss among its parts: no name that a loss may give. */
const TOTAL = "";

interface MicroBatch<Batch> {
  readonly batch: Batch;
  /** Its part of the step's loss. */
  readonly factor: number;
  readonly pass: LossPass;
}

function* microBatches<Batch>(
  { batches }: StepBatches<Batch>,
  { loss, step, seed, maxTokensPerMicroBatch: limit }: StepWork<Batch>,
): Generator<MicroBatch<Batch>> {
  const weights = batches.map(({ batch }) => weightOf(loss, batch));
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  for (const [i, { batch, firstSequence }] of batches.entries()) {
    if (weights[i] === 0) continue;
    const factor = weights[i]! / whole;
    for (const { piece, first } of piecesOf(loss, batch, limit, firstSequence)) {
      yield {
        batch: piece.batch,
        factor: factor * piece.share,
        pass: {
          dropout: { seed, step, firstSequence: first },
          ...(limit !== null && { maxTokensPerMicroBatch: limit }),
        },
      };
    }
  }
}

export function weightOf<Batch>(loss: Loss<Batch>, batch: Batch, without = 1): number {
  const weight = loss.weight ? loss.weight(batch) : without;
  if (Number.isFinite(weight) && weight >= 0) return weight;
  throw new EngineError("train", `loss.weight gave ${weight} for a batch`, "Give a number from 0 on.");
}

/** A batch's pieces with something to learn, and the number of each one's first sequence. */
export function* piecesOf<Batch>(
  loss: Loss<Batch>,
  batch: Batch,
  limit: number | null,
  firstSequence: number,
): Generator<{ piece: Pick<LossPiece<Batch>, "batch" | "share">; first: number }> {
  if (limit === null || !loss.split) {
    yield { piece: { batch, share: 1 }, first: firstSequence };
    return;
  }
  let first = firstSequence;
  for (const piece of loss.split(batch, limit)) {
    if (piece.share > 0) yield { piece, first };
    first += piece.sequences;
  }
}

/** Runs a piece forward and backward. Gradients add up in the parameters; what is returned has no tape. */
function runPiece<Batch>({ batch, factor, pass }: MicroBatch<Batch>, loss: Loss<Batch>): Map<string, Tensor> {
  return tensorScope(() => {
    const { total, parts } = totalOf(loss.forward(batch, pass));
    const scaled = total.mul(factor);
    scaled.backward();
    const found = new Map([[TOTAL, scaled.detach()]]);
    for (const [name, part] of parts) found.set(name, part.detach().mul(factor));
    return found;
  });
}

/** A loss's result as one scalar and its named parts. */
export function totalOf(result: ReturnType<Loss<never>["forward"]>): { total: Tensor; parts: [string, Tensor][] } {
  const parts = result instanceof Tensor ? [] : Object.entries(result as Readonly<Record<string, Tensor>>);
  const all = result instanceof Tensor ? [result] : parts.map(([, part]) => part);
  for (const x of all) {
    if (x.size === 1 && x.dtype === "float32") continue;
    throw new EngineError(
      "train",
      `the loss gave ${x.dtype} ${shapeText(x.shape)}`,
      "Return a float32 scalar, the mean over the batch, or an object of them.",
    );
  }
  const [first, ...others] = all.map((x) => (x.shape.length === 0 ? x : x.reshape([])));
  if (!first) throw new EngineError("train", "the loss gave no part", "Return a scalar, or an object of them.");
  return { total: others.reduce((sum, part) => sum.add(part), first), parts };
}

function addPart(sums: Map<string, Tensor>, found: ReadonlyMap<string, Tensor>): void {
  for (const [name, value] of found) {
    const scalar = value.reshape([]);
    const before = sums.get(name);
    sums.set(name, before ? before.add(scalar) : scalar);
  }
}
