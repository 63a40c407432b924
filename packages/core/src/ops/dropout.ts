import { EngineError, expectDtype, expectFloat, expectOffsets, expectShape, shapeText } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Where a draw stands: the same place gives the same mask, whatever the batch around it. */
export interface DropoutOptions {
  /** The probability of a zero, from 0 to 1. */
  rate: number;
  /** The run's seed. */
  seed: number;
  /** The training step. */
  step: number;
  /** The call site: a number of its own for each dropout of a model. */
  site: number;
  /**
   * `[sequences + 1]` int32 of a packed batch: positions count from each sequence's start.
   *
   * @default the whole tensor is one sequence
   */
  offsets?: Tensor;
  /**
   * `[sequences]` int32, each sequence's number in the step.
   *
   * @default firstSequence, firstSequence + 1, …
   */
  sequences?: Tensor;
  /** @default 0 */
  firstSequence?: number;
}

/**
 * Sets elements to zero with probability `rate` and divides the others by `1 − rate`. The draw is a function of (seed,
 * step, site, sequence number, position, channel), so a split of the batch, a recomputation and a resumed run draw the
 * same mask (Philox 4x32-10, Salmon et al. 2011).
 *
 * @param x `[tokens, ..., channels]`; float32 or bfloat16
 * @returns x's shape and dtype
 */
export function dropout(x: Tensor, options: DropoutOptions): Tensor {
  const { rate, seed, step, site, firstSequence = 0 } = options;
  expectFloat("dropout", "x", x);
  if (!(rate >= 0 && rate <= 1)) throw new EngineError("dropout", `rate is ${rate}`, "Pass a probability from 0 to 1.");
  for (const [name, value] of Object.entries({ seed, step, site, firstSequence })) {
    if (!Number.isSafeInteger(value)) throw new EngineError("dropout", `${name} is ${value}`, "Pass a whole number.");
  }
  const offsets = options.offsets ? contiguous(options.offsets) : null;
  const sequences = options.sequences ? contiguous(options.sequences) : null;
  if (offsets) {
    if (x.shape.length === 0)
      throw new EngineError("dropout", `x has shape ${shapeText(x.shape)}`, "With offsets, x has a row per token.");
    const count = expectOffsets("dropout", "offsets", offsets, x.shape[0]!);
    if (sequences) expectShape("dropout", "sequences", sequences, [count]);
  }
  if (sequences) {
    expectDtype("dropout", "sequences", sequences, "int32");
    if (!offsets)
      throw new EngineError("dropout", "sequences without offsets", "Pass the offsets that cut x into sequences.");
  }
  const draw = (from: Tensor, saved: readonly (Tensor | null)[]) => {
    const y = Tensor.empty(from.shape, from);
    from.backend.dropout(y, from, saved[0]!, saved[1]!, firstSequence, rate, seed, step, site);
    return y;
  };
  const saved = [offsets, sequences] as const;
  return record("dropout", draw(contiguous(x), saved), { inputs: [x], saved }, (dy, saved) => [draw(dy, saved)]);
}
