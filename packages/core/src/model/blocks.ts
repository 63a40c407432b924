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

/** @param owned whether the stream ends here: what nobody needs any more is given back at its last use */
function forward(block: PreNormBlock, stream: Stream, pass: Pass, owned: boolean): Stream {
  const done = (...tensors: readonly (Tensor | null)[]) => {
    for (const tensor of tensors) if (owned || tensor !== stream.x) tensor?.dispose();
  };
  return tensorScope(() => {
    const before = normed(block.attentionNorm, stream);
    if (owned && stream.delta) done(stream.delta, before.sum === stream.x ? null : stream.x);
    const attended = block.attention.forward(before.y, pass);
    if (before.y !== before.sum) done(before.y);
    const between = block.mlpNorm.addTo(attended, before.sum);
    done(attended, before.sum);
    return { x: between.sum, delta: block.mlp.forward(between.y, pass) };
  });
}

/** The stream as one tensor. */
export const joined = ({ x, delta }: Stream): Tensor => (delta ? add(delta, x) : x);

/**
 * Runs blocks one after the other. Without a tape only what the block in hand still needs is alive, so x is given back.
 *
 * @param options `checkpointing`: keep only each block's input for the gradients; `seen`: called with the input of each
 *   block, in order, which then stays
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
        joined(forward(block, { x, delta: null }, { ...pass, offsets, sequences: sequences ?? null }, false));
      const next = checkpoint(run as never, stream.x, offsets, ...(sequences ? [sequences] : []));
      if (!seen) stream.x.dispose();
      stream = { x: next, delta: null };
      continue;
    }
    if (seen) {
      stream = { x: joined(stream), delta: null };
      seen(stream.x);
    }
    stream = forward(block, stream, pass, !seen);
  }
  return stream;
}
