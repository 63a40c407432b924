import { CausalLM, EngineError, type LanguageModel } from "@ettin/core";
import type { Objective } from "../batch.ts";

/**
 * Refuses an objective that a model cannot learn from: an encoder would see the next token that it is to predict, and a
 * decoder's row does not see what follows a masked token.
 */
export function checkObjective(where: string, model: LanguageModel, objective: Objective): void {
  const causal = model instanceof CausalLM;
  if (causal === (objective === "clm")) return;
  throw new EngineError(
    where,
    `the objective is "${objective}", but ${model.architecture} sees ${causal ? "only what came before" : "what comes after"}`,
    causal
      ? 'Use "clm", or load the folder with ModernBertForMaskedLM.'
      : 'Use "mlm" or "mntp", or load the folder with ModernBertDecoderForCausalLM.',
  );
}
