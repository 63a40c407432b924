import { EngineError, type Tokenizer } from "@ettin/core";

/** The token that begins texts: bos, or cls where the tokenizer calls it that. */
export const bosId = (tokenizer: Tokenizer, where: string): number => idOf(tokenizer, where, "bos", "cls");

/** The token that ends texts: eos, or sep where the tokenizer calls it that. */
export const endOfText = (tokenizer: Tokenizer, where: string): number => idOf(tokenizer, where, "eos", "sep");

function idOf(tokenizer: Tokenizer, where: string, role: "bos" | "eos", other: "cls" | "sep"): number {
  const found = tokenizer.specialTokens[role] ?? tokenizer.specialTokens[other];
  if (found) return found.id;
  throw new EngineError(
    where,
    `the tokenizer of ${tokenizer.folder} has neither a ${role} nor a ${other} token`,
    `Name one of its tokens as "${role}_token" in tokenizer_config.json.`,
  );
}
