import type { Device } from "../device.ts";
import { EngineError } from "../errors.ts";
import type { AttentionCache } from "../nn/attention-cache.ts";
import type { DropoutDraw, Pass } from "../nn/pass.ts";
import { tensorScope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { PackedTokens } from "../tokenizer/packed-tokens.ts";

export interface ForwardOptions {
  /** Draws dropout masks, at the rates of the configuration. Without it nothing is dropped. */
  dropout?: DropoutDraw;
  /** Decoders only: the keys and values of earlier tokens. The batch then holds the new tokens of each sequence. */
  cache?: AttentionCache;
}

/** A packed batch whose ids may lie on the device already, where a step of generation has just chosen them. */
export interface TokenBatch extends Omit<PackedTokens, "tokens"> {
  /** `[T]` int32. A tensor's ids are checked by the embedding. */
  readonly tokens: Int32Array | Tensor;
}

interface Limits {
  readonly vocabSize: number;
  readonly maxPositionEmbeddings: number;
}

/**
 * Checks a batch against the model: offsets, ids, lengths.
 *
 * @returns the positions that the longest sequence needs
 */
export function checkBatch(where: string, batch: TokenBatch, limits: Limits, cache: AttentionCache | null): number {
  const { tokens, offsets } = batch;
  const count = tokens instanceof Tensor ? tokens.size : tokens.length;
  const held = cache?.longest ?? 0;
  if (!(offsets?.length >= 1) || offsets[0] !== 0 || offsets.at(-1) !== count) {
    throw new EngineError(
      where,
      `offsets go from ${offsets?.[0]} to ${offsets?.at(-1)}, but there are ${count} tokens`,
      "Give where each sequence starts, from 0 on, and the number of tokens last.",
    );
  }
  let longest = 0;
  for (let b = 0; b + 1 < offsets.length; b++) {
    const length = offsets[b + 1]! - offsets[b]!;
    if (length < 0) {
      throw new EngineError(where, `offsets fall at sequence ${b}`, "Each is where its sequence starts.");
    }
    longest = Math.max(longest, length);
    if (held + length > limits.maxPositionEmbeddings) {
      throw new EngineError(
        where,
        `sequence ${b} has ${held + length} tokens, but the model takes ${limits.maxPositionEmbeddings}`,
        `Cut it: encode with truncation and maxLength: ${limits.maxPositionEmbeddings}.`,
      );
    }
  }
  if (!(tokens instanceof Tensor)) checkIds(where, tokens, limits.vocabSize, "the vocabulary");
  return held + longest;
}

/** Checks that ids are rows of a table. */
export function checkIds(where: string, ids: Int32Array, rows: number, table: string): void {
  for (let t = 0; t < ids.length; t++) {
    const id = ids[t]!;
    if (id >= 0 && id < rows) continue;
    throw new EngineError(
      where,
      `id ${id} at place ${t} is not in ${table}, which has ${rows} entries`,
      "Use the tokenizer that belongs to the model.",
    );
  }
}

/** A batch on the device. The tensors belong to the open scope. */
export interface PlacedBatch {
  readonly tokens: Tensor;
  readonly pass: Pass;
}

/** Checks a batch and copies it to the device. */
export function placeBatch(
  where: string,
  batch: TokenBatch,
  limits: Limits,
  device: Device,
  options: ForwardOptions,
): PlacedBatch {
  const { dropout = null, cache = null } = options;
  const longest = checkBatch(where, batch, limits, cache);
  const int32 = (values: Int32Array) => Tensor.from(values, { device });
  return {
    tokens: batch.tokens instanceof Tensor ? batch.tokens : int32(batch.tokens),
    pass: {
      offsets: int32(batch.offsets),
      longest,
      cache,
      draw: dropout,
      sequences: dropout?.sequences ? int32(dropout.sequences) : null,
    },
  };
}

/** Runs a model on a batch in a scope of its own; tells the cache, if there is one, that the new tokens were seen. */
export function runPacked(
  model: { readonly architecture: string; readonly config: Limits; readonly device: Device },
  batch: TokenBatch,
  options: ForwardOptions,
  run: (placed: PlacedBatch) => Tensor[],
): Tensor[] {
  const made = tensorScope(() => run(placeBatch(model.architecture, batch, model.config, model.device, options)));
  options.cache?.advance(batch.offsets);
  return made;
}
