import type { PackedTokens } from "@ettin/core";
import { tokenTask } from "../batch.ts";
import type { TokenCollator } from "./collator.ts";
import { type MaskedOptions, maskerOf } from "./masked-language.ts";
import { sequencer } from "./sequences.ts";

/**
 * Batches of masked next-token prediction: tokens are hidden as in masked language modelling, but the one at t is
 * predicted from the row of t − 1, as a decoder does it. A sequence's first token is never a target.
 *
 * @see https://arxiv.org/abs/2404.05961
 */
export function maskedNextTokenCollator(options: MaskedOptions): TokenCollator {
  const where = "maskedNextTokenCollator";
  const pack = sequencer(where, options, true);
  const mask = maskerOf(where, options);
  return async (rows, at) => {
    const batch = await pack(rows, at);
    const { tokens, selected } = mask(batch, at);
    const hidden = withoutFirst(selected, batch);
    const ids = hidden.map((row) => batch.tokens[row]!);
    const targets = { rows: hidden.map((row) => row - 1), ids };
    return tokenTask("mntp", { tokens, offsets: batch.offsets }, targets, batch.tokens);
  };
}

/** The rows that do not begin a sequence. */
function withoutFirst(rows: Int32Array, { offsets }: PackedTokens): Int32Array {
  const firsts = new Set(offsets);
  return rows.filter((row) => !firsts.has(row));
}
