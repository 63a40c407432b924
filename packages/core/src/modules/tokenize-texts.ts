import type { PackedTexts } from "../columns/columns.ts";
import type { InputModule } from "./module.ts";

/** Texts of one call, and how their prompt is counted. */
export interface TextsToPack {
  readonly texts: readonly string[];
  /** Goes before each text. */
  readonly prompt: string;
  /** Whether pooling leaves the prompt out, so that the batch says where each text starts. */
  readonly leaveOutPrompt: boolean;
}

const prefixed = ({ texts, prompt }: TextsToPack): readonly string[] =>
  prompt === "" ? texts : texts.map((text) => prompt + text);

/** Packs texts with their prompt, off the JavaScript thread. */
export async function tokenizeTexts(input: InputModule, request: TextsToPack): Promise<PackedTexts> {
  return withStarts(input, await input.tokenize(prefixed(request)), request);
}

/** Packs texts with their prompt at once. */
export function tokenizeTextsNow(input: InputModule, request: TextsToPack): PackedTexts {
  return withStarts(input, input.tokenizeNow(prefixed(request)), request);
}

/** The tokens that a prompt puts before a text: its own, without a special token at its end. */
export function promptLength(input: InputModule, prompt: string): number {
  const { tokens } = input.tokenizeNow([prompt]);
  const last = tokens.at(-1);
  return last !== undefined && input.tokenizer.specialIds.has(last) ? tokens.length - 1 : tokens.length;
}

function withStarts(input: InputModule, packed: PackedTexts, { prompt, leaveOutPrompt }: TextsToPack): PackedTexts {
  if (!leaveOutPrompt || prompt === "") return packed;
  const length = promptLength(input, prompt);
  const { offsets } = packed;
  const starts = Int32Array.from({ length: offsets.length - 1 }, (_, b) =>
    Math.min(offsets[b]! + length, offsets[b + 1]!),
  );
  return { ...packed, starts };
}
