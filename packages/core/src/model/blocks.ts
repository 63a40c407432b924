import type { Norm } from "../nn/layer-norm.ts";
import type { Pass } from "../nn/pass.ts";
import { add } from "../ops/add.ts";
import { checkpoint } from "../tensor/checkpoint.ts";
import { tensorScope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * The residual stream between blocks. `delta` is what the last sublayer adds, kept apart so that the addition and the
 * norm that follows it are one kernel.
 */
export interface Stream {
  readonly x: Tensor;
  readonly delta: Tensor | null;
}

/** A block with norms before its sublayers: `x += attention(norm(x))`, `x += mlp(norm(x))`. */
export interface PreNormBlock {
  /** Null: the input is normed already. */
  readonly attentionNorm: Norm | null;
  readonly mlpNorm: Norm;
  readonly attention: { forward(x: Tensor, pass: Pass): Tensor };
  readonly mlp: { forward(x: Tensor, pass: Pass): Tensor };
}

/** The norm of the stream, and the stream with its addition done. */
export function normed(norm: Norm | null, { x, delta }: Stream): { y: Tensor; sum: Tensor } {
  if (!delta) return { y: norm ? norm.forward(x) : x, sum: x };
  if (norm) return norm.addTo(delta, x);
  const sum = add(delta, x);
  return { y: sum, sum };
}

function forward(block: PreNormBlock, stream: Stream, pass: Pass): Stream {
  return tensorScope(() => {
    const before = normed(block.attentionNorm, stream);
    const attended = tensorScope(() => block.attention.forward(before.y, pass));
    const between = block.mlpNorm.addTo(attended, before.sum);
    return { x: between.sum, delta: tensorScope(() => block.mlp.forward(between.y, pass)) };
  });
}

/** The stream as one tensor. */
export const joined = ({ x, delta }: Stream): Tensor => (delta ? add(delta, x) : x);

/**
 * Runs blocks one after the other, each in a scope of its own: without a tape only one block's activations live.
 *
 * @param options `checkpointing`: keep only each block's input for the gradients; `seen`: called with the input of each
 *   block, in order
 */
export function runBlocks(
  blocks: readonly PreNormBlock[],
  x: Tensor,
  pass: Pass,
  options: { checkpointing: boolean; seen?: ((x: Tensor) => void) | undefined },
): Stream {
  let stream: Stream = { x, delta: null };
  const { seen } = options;
  for (const block of blocks) {
    if (options.checkpointing) {
      seen?.(stream.x);
      const { offsets, sequences } = pass;
      const run = (x: Tensor, offsets: Tensor, sequences?: Tensor) =>
        joined(forward(block, { x, delta: null }, { ...pass, offsets, sequences: sequences ?? null }));
      stream = { x: checkpoint(run as never, stream.x, offsets, ...(sequences ? [sequences] : [])), delta: null };
      continue;
    }
    if (seen) {
      stream = { x: joined(stream), delta: null };
      seen(stream.x);
    }
    const next = forward(block, stream, pass);
    if (!seen) release(stream, x);
    stream = next;
  }
  return stream;
}

/** Gives back the stream before a block: its scope has closed, and nobody but the tape needs it. */
function release(stream: Stream, first: Tensor): void {
  if (stream.x !== first) stream.x.dispose();
  stream.delta?.dispose();
}
