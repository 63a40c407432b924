import { EngineError } from "@ettin/core";

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
 * The step after which a run has seen so many tokens.
 *
 * @param tokensPerStep padding not counted; the recipe's pretraining has about 615.4 in each of its 4,608 sequences
 */
export const stepAfterTokens = (tokens: number, tokensPerStep: number): number => Math.ceil(tokens / tokensPerStep);

/** Phase and step of a revision, "step590532", "ext83200", "decay16600"; null for another name, such as "main". */
export function readRevision(name: string): { revision: "step" | "ext" | "decay"; step: number } | null {
  const [, revision, step] = /^(step|ext|decay)(\d+)$/.exec(name) ?? [];
  return revision === undefined ? null : { revision: revision as "step" | "ext" | "decay", step: Number(step) };
}
