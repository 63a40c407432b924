import { nextTokens } from "@ettin/core";
import { tokenTask } from "../batch.ts";
import type { TokenCollator } from "./collator.ts";
import { type SequenceOptions, sequencer } from "./sequences.ts";

/**
 * Batches of causal language modelling: from every token the next one of its sequence. The end of one sequence never
 * predicts the start of another.
 */
export function causalCollator(options: SequenceOptions): TokenCollator {
  const pack = sequencer("causalCollator", options, false);
  return async (rows, at) => {
    const batch = await pack(rows, at);
    return tokenTask("clm", batch, nextTokens(batch));
  };
}
