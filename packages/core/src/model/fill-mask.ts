import { EngineError } from "../errors.ts";
import { checkOptions } from "../known-options.ts";
import { softmax } from "../ops/softmax.ts";
import { topK as largest } from "../ops/top-k.ts";
import { tensorScope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { MaskedLM } from "./language-model.ts";

export interface FilledMask {
  /** The probability of this token. */
  readonly score: number;
  readonly id: number;
  /** The token as text. */
  readonly token: string;
  /** The whole text with this token in place of the mask; other masks stay. */
  readonly text: string;
}

/**
 * The most probable tokens for each mask of a text.
 *
 * @param text with the tokenizer's mask token in it, once or more
 * @param options `topK`: how many per mask (default 5)
 * @returns for each mask, in order: its best tokens, the best first
 * @throws EngineError for a tokenizer without a mask token, or a text without a mask
 */
export async function fillMask(
  model: MaskedLM,
  tokenizer: Tokenizer,
  text: string,
  options: { topK?: number } = {},
): Promise<FilledMask[][]> {
  const { topK = 5 } = checkOptions("fillMask", options, { topK: true });
  const { mask } = tokenizer.specialTokens;
  if (!mask) {
    throw new EngineError("fillMask", `the tokenizer in ${tokenizer.folder} has no mask token`, "Use an encoder's.");
  }
  if (!(Number.isInteger(topK) && topK >= 1 && topK <= model.config.vocabSize)) {
    throw new EngineError("fillMask", `topK is ${topK}`, `Ask for 1 to ${model.config.vocabSize} tokens.`);
  }
  const { ids, tokenTypes } = tokenizer.encode(text);
  const rows = Int32Array.from(ids.keys()).filter((row) => ids[row] === mask.id);
  if (rows.length === 0) {
    throw new EngineError("fillMask", "the text has no mask", `Write ${mask.token} where a token is to be found.`);
  }
  const batch = { tokens: ids, offsets: Int32Array.of(0, ids.length), tokenTypes };
  const [values, indices] = await Promise.all(
    tensorScope(() => {
      const best = noGrad(() => largest(softmax(model.forward(batch, { rows }).to("float32"), 1), topK));
      return [best.values.data(), best.indices.data()] as const;
    }),
  );
  return Array.from(rows, (row, i) =>
    Array.from({ length: topK }, (_, j) => {
      const id = indices[i * topK + j]!;
      const filled = ids.slice();
      filled[row] = id;
      return { score: values[i * topK + j]!, id, token: tokenizer.decode([id]), text: textOf(tokenizer, filled, mask) };
    }),
  );
}

/** Without special tokens, but for the masks that are left. */
function textOf(tokenizer: Tokenizer, ids: Int32Array, mask: { readonly id: number }): string {
  const special = tokenizer.specialIds;
  return tokenizer.decode(ids.filter((id) => id === mask.id || !special.has(id)));
}
