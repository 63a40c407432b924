import { EngineError } from "@ettin/core";
import type { Objective } from "../batch.ts";
import { causalCollator } from "./causal.ts";
import type { TokenCollator } from "./collator.ts";
import { type MaskedOptions, maskedLanguageCollator } from "./masked-language.ts";
import { maskedNextTokenCollator } from "./masked-next-token.ts";

/** The collator of an objective. "clm" masks nothing, and has no use for the options of masking. */
export function objectiveCollator(objective: Objective, options: MaskedOptions): TokenCollator {
  if (objective === "mlm") return maskedLanguageCollator(options);
  if (objective === "mntp") return maskedNextTokenCollator(options);
  if (objective === "clm") return causalCollator(options);
  throw new EngineError("objectiveCollator", `objective is "${objective}"`, 'Use "mlm", "clm" or "mntp".');
}
