import { beamSearch } from "./beam-search.ts";
import type { CausalModel } from "./causal-model.ts";
import { DecodeLoop } from "./decode-loop.ts";
import type { GeneratedSequence, GenerateOptions } from "./generate-options.ts";
import { type Prompts, prepareRequest } from "./generation-request.ts";

/**
 * Continues prompts with a causal language model. Prompts of any lengths share each forward pass, without padding; a
 * sequence that is finished costs nothing more.
 *
 * Options that are not given come from the model's `generation_config.json`, then from the defaults. Where the model is
 * the same, the best continuation is transformers' `generate`'s; draws are not, their distributions are.
 *
 * @param prompts texts (with `options.tokenizer`), lists of ids, or a packed batch
 * @returns for each prompt `numReturnSequences` sequences of new ids, in the order of the prompts
 */
export async function generate(
  model: CausalModel,
  prompts: Prompts,
  options: GenerateOptions = {},
): Promise<GeneratedSequence[]> {
  const request = prepareRequest("generate", model, prompts, options);
  const { tokenizer, skipSpecialTokens = true } = options;
  const text = (ids: Int32Array) => tokenizer && { text: tokenizer.decode(ids, { skipSpecialTokens }) };
  if (request.settings.numBeams > 1) {
    const found = await beamSearch(request);
    return found.map((each) => ({ ...each, ...text(each.ids) }));
  }
  const loop = new DecodeLoop(request);
  for await (const _ of loop.run()); // to the end
  return loop.histories.map((history, row) => {
    const ids = history.generated();
    const prompt = Math.floor(row / request.settings.numReturnSequences);
    return { prompt, ids, finishReason: loop.reasons[row]!, ...text(ids) };
  });
}
