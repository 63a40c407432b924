import type { Component, TokenizerJson } from "./tokenizer-json.ts";

const LOWERCASE: Component = { type: "Lowercase" };

/** A normalizer that makes texts lower case before it does what it did. */
function lowercasing(normalizer: Component | null): Component {
  if (normalizer === null) return LOWERCASE;
  const parts = normalizer.type === "Sequence" ? (normalizer.normalizers as readonly Component[]) : [normalizer];
  if (parts.some(({ type }) => type === "Lowercase")) return normalizer;
  return { type: "Sequence", normalizers: [LOWERCASE, ...parts] };
}

/** A tokenizer.json with the normalizer that makes texts lower case. */
export const withLowercase = (json: TokenizerJson): TokenizerJson => ({
  ...json,
  normalizer: lowercasing(json.normalizer),
});

/** The same of the file's text. */
export function lowercaseText(text: string): string {
  const json = JSON.parse(text) as { normalizer?: Component | null };
  return JSON.stringify({ ...json, normalizer: lowercasing(json.normalizer ?? null) });
}
