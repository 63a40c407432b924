import type { GenerateOptions, GenerationTokenizer } from "./generate-options.ts";

/** Tokenizers that the process has been warned of. */
const warned = new WeakSet<GenerationTokenizer>();

/** The ids of a prompt's text. Where the special tokens around it end in an eos, and nobody asked for that, says so. */
export function encodePrompt(
  where: string,
  text: string,
  tokenizer: GenerationTokenizer,
  { addSpecialTokens, onNotice }: Pick<GenerateOptions, "addSpecialTokens" | "onNotice">,
  eos: readonly number[],
): ArrayLike<number> {
  const { ids } = tokenizer.encode(text, { addSpecialTokens: addSpecialTokens ?? true });
  const last = ids[ids.length - 1];
  if (addSpecialTokens !== undefined || last === undefined || !eos.includes(last)) return ids;
  if (!onNotice && warned.has(tokenizer)) return ids;
  const token = tokenizer.decode([last], { skipSpecialTokens: false });
  const notice =
    `[${where}] the tokenizer ends a prompt in ${token} (${last}), an eos of this model, which continues behind an ` +
    "end. Set addSpecialTokens: false to continue the text.";
  if (onNotice) onNotice(notice);
  else {
    warned.add(tokenizer);
    process.emitWarning(notice, "Generation");
  }
  return ids;
}
