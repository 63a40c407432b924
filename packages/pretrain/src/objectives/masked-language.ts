import { tokenTask } from "../batch.ts";
import type { TokenCollator } from "./collator.ts";
import { maskFile } from "./mask-file.ts";
import { type Masker, type MaskOptions, masker } from "./masking.ts";
import { type SequenceOptions, sequencer } from "./sequences.ts";
import { tokenIdsOf } from "./token-ids.ts";

export interface MaskedOptions extends SequenceOptions, MaskOptions {
  /**
   * A file with the masks of every step, in place of drawing them: for runs that are compared with another program's
   * number by number. Lines of JSON: `{"step": 0, "positions": [[2, 5], [1]], "tokens": [[4, 4], [17]]}`, an entry for
   * each sequence of the step.
   */
  masks?: string;
}

/**
 * Batches of masked language modelling: some tokens are hidden from an encoder, which is to name them. The target of a
 * selected place is the id that stood there.
 */
export function maskedLanguageCollator(options: MaskedOptions): TokenCollator {
  const where = "maskedLanguageCollator";
  const pack = sequencer(where, options, true);
  const mask = maskerOf(where, options);
  return async (rows, at) => {
    const batch = await pack(rows, at);
    const { tokens, selected } = mask(batch, at);
    const ids = selected.map((row) => batch.tokens[row]!);
    return tokenTask("mlm", { tokens, offsets: batch.offsets }, { rows: selected, ids }, batch.tokens);
  };
}

/** Masks that are drawn, or those of a file. */
export function maskerOf(where: string, { tokenizer, masks, ...options }: MaskedOptions): Masker {
  const ids = tokenIdsOf(where, tokenizer);
  return masks === undefined ? masker(where, ids, options) : maskFile(where, masks, ids);
}
