import { EngineError } from "../errors.ts";
import type { CausalModel } from "./causal-model.ts";
import { DecodeLoop } from "./decode-loop.ts";
import type { GeneratedToken, GenerateOptions, GenerationTokenizer } from "./generate-options.ts";
import { type GenerationRequest, type Prompts, prepareRequest } from "./generation-request.ts";

/** Checks at the call, so that a wrong option is an error there and not at the first token. */
function prepareStream(
  where: string,
  model: CausalModel,
  prompts: Prompts,
  options: GenerateOptions,
): GenerationRequest {
  const request = prepareRequest(where, model, prompts, options);
  if (request.settings.numBeams > 1) {
    throw new EngineError(
      where,
      `numBeams is ${request.settings.numBeams}, and which beam is best is known at the end only`,
      "Use generate, or set numBeams: 1.",
    );
  }
  return request;
}

/**
 * Continues prompts and yields each token as it is chosen, with a sequence's last one the reason why it ended. Leaving
 * the loop ends generation.
 *
 * @param prompts as in `generate`
 */
export function streamTokens(
  model: CausalModel,
  prompts: Prompts,
  options: GenerateOptions = {},
): AsyncGenerator<GeneratedToken, void> {
  const loop = new DecodeLoop(prepareStream("streamTokens", model, prompts, options));
  return (async function* () {
    for await (const tokens of loop.run()) yield* tokens;
  })();
}

/**
 * Continues one prompt and yields its text word by word: as transformers' TextStreamer, a piece ends with a space, a
 * line's end or a Chinese character. The pieces make up the text of the new ids.
 *
 *     for await (const piece of streamText(model, tokenizer, "Once upon a time")) process.stdout.write(piece);
 *
 * @param prompt a text or a list of ids
 */
export function streamText(
  model: CausalModel,
  tokenizer: GenerationTokenizer,
  prompt: string | ArrayLike<number>,
  options: GenerateOptions = {},
): AsyncGenerator<string, void> {
  const prompts: Prompts = typeof prompt === "string" ? prompt : [prompt];
  const request = prepareStream("streamText", model, prompts, { ...options, tokenizer });
  if (request.settings.numReturnSequences > 1) {
    throw new EngineError(
      "streamText",
      `numReturnSequences is ${request.settings.numReturnSequences}`,
      "One text is streamed at a time: use streamTokens.",
    );
  }
  const loop = new DecodeLoop(request);
  const { skipSpecialTokens = true } = options;
  return (async function* () {
    const decoder = tokenizer.streamDecoder({ skipSpecialTokens });
    for await (const tokens of loop.run()) {
      for (const { id } of tokens) {
        const piece = decoder.push(id);
        if (piece) yield piece;
      }
    }
    const rest = decoder.end();
    if (rest) yield rest;
  })();
}
