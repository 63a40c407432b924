import type { GenerationConfig } from "./generation-config.ts";
import type { GenerationSettings } from "./generation-options.ts";
import type { ScoreProcessor } from "./score-processor.ts";
import type { TextDecoder } from "./stop-strings.ts";

/** What generation asks of a tokenizer: `Tokenizer` has it. */
export interface GenerationTokenizer extends TextDecoder {
  encode(text: string, options?: { addSpecialTokens?: boolean }): { readonly ids: ArrayLike<number> };
  streamDecoder(options?: { skipSpecialTokens?: boolean }): { push(id: number): string; end(): string };
}

/** What a caller may ask of one generation. Settings that are not given come from the checkpoint, then the defaults. */
export interface GenerateOptions extends GenerationSettings {
  /** Settings to put over the checkpoint's; options given here win over both. */
  generationConfig?: GenerationConfig;
  /**
   * The same seed draws the same tokens, on any device and in any batch where a prompt has the same place.
   *
   * @default another one each time
   */
  seed?: number;
  /** For prompts that are texts, `stopStrings`, and `text` in the results. */
  tokenizer?: GenerationTokenizer;
  /**
   * Whether a text gets the special tokens that the tokenizer puts around texts. Where they end in an eos, as Ettin's
   * `[CLS] … [SEP]`, the model continues behind an end: `onNotice` says so, unless this is set. A text may hold special
   * tokens itself: `"[CLS]Once upon a time"` with false.
   *
   * @default true
   */
  addSpecialTokens?: boolean;
  /** Whether special tokens are left out of text. @default true */
  skipSpecialTokens?: boolean;
  /** Processors of your own, which see what the settings' rules have left and come before sampling's. */
  logitsProcessors?: readonly ScoreProcessor[];
  /** Ends generation after the step that is running; what is there is returned. */
  signal?: AbortSignal;
  /** Takes a sentence about a prompt that ends in an eos. @default a warning of the process, one for each tokenizer */
  onNotice?: (notice: string) => void;
}

/** The options that are not settings. */
export const CALL_OPTIONS: readonly (keyof GenerateOptions)[] = [
  "generationConfig",
  "seed",
  "tokenizer",
  "addSpecialTokens",
  "skipSpecialTokens",
  "logitsProcessors",
  "signal",
  "onNotice",
];

/** Why a sequence ended: an eos, its length, a stop string, `maxTime`, or `signal`. */
export type FinishReason = "eos" | "length" | "stop" | "time" | "aborted";

/** One token of one sequence, as it is chosen. */
export interface GeneratedToken {
  /** Counts prompts, and with `numReturnSequences` their continuations: `prompt · numReturnSequences + i`. */
  readonly sequence: number;
  readonly id: number;
  /** Set with a sequence's last token. */
  readonly finishReason: FinishReason | null;
}

/** A finished sequence. */
export interface GeneratedSequence {
  /** The prompt's place among the prompts. */
  readonly prompt: number;
  /** The new ids; an eos that ended it is the last. */
  readonly ids: Int32Array;
  readonly finishReason: FinishReason;
  /** The text of the new ids, where a tokenizer was given. */
  readonly text?: string;
  /** Beam search: the sum of the logarithms of its probabilities, divided by `length^lengthPenalty`. */
  readonly score?: number;
}
