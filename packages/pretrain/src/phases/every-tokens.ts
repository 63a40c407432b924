import type { TrainerCallback } from "@ettin/core";

export interface EveryTokensOptions {
  /** Tokens between two checkpoints. The end is always saved. */
  save: number;
  /** Tokens between two evaluations, besides the one at the end; null: none at all. */
  evaluate: number | null;
}

/** Has the trainer save and evaluate each time that the tokens seen pass a multiple, and at the end of the run. */
export function everyTokens({ save, evaluate }: EveryTokensOptions): TrainerCallback {
  return {
    onStepEnd(args, _state, control, { tokensSeen, tokens }) {
      const passes = (every: number) => Math.floor(tokensSeen / every) > Math.floor((tokensSeen - tokens) / every);
      const ends = args.maxTokens !== null && tokensSeen >= args.maxTokens;
      if (evaluate !== null && (ends || passes(evaluate))) control.shouldEvaluate = true;
      if (ends || passes(save)) control.shouldSave = true;
    },
  };
}
