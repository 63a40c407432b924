import { EngineError } from "@ettin/core";
import type { DataOrderPhase } from "./data-order.ts";

const PREFIXES: Readonly<Record<DataOrderPhase, string>> = { pretraining: "step", extension: "ext", decay: "decay" };

/** The branch or tag of a checkpoint on the hub: "step590532", "ext83200", "decay16600". */
export const revisionName = (phase: DataOrderPhase, step: number): string => {
  if (Number.isSafeInteger(step) && step >= 0) return `${PREFIXES[phase]}${step}`;
  throw new EngineError("revisionName", `step is ${step}`, "Pass the step of the checkpoint.");
};

/** Phase and step of a revision; null for a name of another kind, such as "main". */
export function readRevision(name: string): { phase: DataOrderPhase; step: number } | null {
  const [, prefix, step] = /^(step|ext|decay)(\d+)$/.exec(name) ?? [];
  const phase = (Object.keys(PREFIXES) as DataOrderPhase[]).find((each) => PREFIXES[each] === prefix);
  return phase && step !== undefined ? { phase, step: Number(step) } : null;
}

/**
 * Tokens after which a phase saves: every so many, and at its end.
 *
 *     checkpointTokens(1.7e12, 8.5e9).length   // 200
 *     checkpointTokens(250e9, 8.5e9).length    // 30: 29 times 8.5e9, and the end
 */
export function checkpointTokens(total: number, every: number): number[] {
  if (!(every > 0) || !(total > 0)) {
    throw new EngineError("checkpointTokens", `${total} tokens, a checkpoint every ${every}`, "Pass numbers above 0.");
  }
  const count = Math.ceil(total / every);
  return Array.from({ length: count }, (_, i) => Math.min((i + 1) * every, total));
}

/**
 * The step at which a token count is reached: the first after which a run has seen so many.
 *
 * @param tokensPerStep tokens of a step, padding not counted; the recipe's pretraining has about 615.4 in each of its
 *   4,608 sequences
 */
export const stepAfterTokens = (tokens: number, tokensPerStep: number): number => Math.ceil(tokens / tokensPerStep);
