import type { PackedTexts } from "../columns/columns.ts";
import type { DropoutDraw } from "../nn/pass.ts";
import { concat } from "../ops/concat.ts";
import { checkpoint } from "../tensor/checkpoint.ts";
import { tensorScope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { LossPass } from "./loss.ts";
import { sequenceRanges } from "./sequence-ranges.ts";

/**
 * Encodes a packed batch whose loss compares its sequences, so that it cannot be split: in pieces of at most
 * `maxTokensPerMicroBatch` tokens and `maxSequencesPerMicroBatch` sequences, each of which is computed again for its gradient (gradient caching). At any time the
 * memory holds the activations of one piece; the gradient is the whole batch's, to rounding, dropout included.
 *
 * @param encode from a piece to rows, one or more per sequence in their order: `[rows, …]`. Called twice per piece, and
 *   uses no tensor with a tape but parameters
 * @param pass without these limits, or where the batch fits into them, `encode` runs once, on the whole batch
 * @returns the pieces' rows, one piece after the other
 * @see https://arxiv.org/abs/2101.06983
 */
export function encodeInPieces(
  batch: PackedTexts,
  encode: (piece: PackedTexts, options: { dropout?: DropoutDraw }) => Tensor,
  pass: LossPass = {},
): Tensor {
  const {
    dropout,
    maxTokensPerMicroBatch = Number.POSITIVE_INFINITY,
    maxSequencesPerMicroBatch = Number.POSITIVE_INFINITY,
  } = pass;
  const sequences = batch.offsets.length - 1;
  const optionsFrom = (first: number, end: number) => (dropout ? { dropout: drawFrom(dropout, first, end) } : {});
  if (batch.tokens.length <= maxTokensPerMicroBatch && sequences <= maxSequencesPerMicroBatch) {
    return encode(batch, optionsFrom(0, sequences));
  }
  return tensorScope(() => {
    const pieces = sequenceRanges(batch.offsets, maxTokensPerMicroBatch, maxSequencesPerMicroBatch).map(
      ([first, end]) => {
        const piece = packedPiece(batch, first, end);
        return checkpoint(() => encode(piece, optionsFrom(first, end)));
      },
    );
    return pieces.length === 1 ? pieces[0]! : concat(pieces);
  });
}

/** Sequences `first` to `end` of a packed batch. */
export function packedPiece(
  { tokens, offsets, tokenTypes, starts }: PackedTexts,
  first: number,
  end: number,
): PackedTexts {
  const [begin, stop] = [offsets[first]!, offsets[end]!];
  return {
    tokens: tokens.subarray(begin, stop),
    offsets: offsets.slice(first, end + 1).map((offset) => offset - begin),
    ...(tokenTypes && { tokenTypes: tokenTypes.subarray(begin, stop) }),
    ...(starts && { starts: starts.slice(first, end).map((start) => start - begin) }),
  };
}

function drawFrom(draw: DropoutDraw, first: number, end: number): DropoutDraw {
  const { firstSequence = 0, sequences } = draw;
  return {
    ...draw,
    firstSequence: firstSequence + first,
    ...(sequences && { sequences: sequences.slice(first, end) }),
  };
}
