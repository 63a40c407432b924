import type { PackedTokens, Sized, TokenTargets } from "@ettin/core";

/**
 * What is predicted:
 *
 * - "mlm", masked language modelling: an encoder fills in masked tokens
 * - "clm", causal language modelling: a decoder predicts the next token
 * - "mntp", masked next-token prediction: masked tokens, each predicted from the place before it; how a decoder becomes
 *   an encoder
 */
export type Objective = "mlm" | "clm" | "mntp";

/** A packed batch, and what is to be predicted from it. Sequences never see each other. */
export interface TokenTask extends Sized, Omit<PackedTokens, "tokenTypes"> {
  readonly objective: Objective;
  /** The rows whose prediction counts, ascending, and the right ids. There may be none. */
  readonly targets: TokenTargets;
  /** `[T]`: the tokens before masking, where some are masked. */
  readonly unmasked?: Int32Array;
}

/** A batch with its counts. */
export function tokenTask(
  objective: Objective,
  { tokens, offsets }: PackedTokens,
  targets: TokenTargets,
  unmasked?: Int32Array,
): TokenTask {
  const counts = { tokenCount: tokens.length, sequenceCount: offsets.length - 1 };
  return { objective, tokens, offsets, targets, ...counts, ...(unmasked && { unmasked }) };
}
