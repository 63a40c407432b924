import { EngineError } from "../errors.ts";
import { nearestName } from "../nearest-name.ts";
import { defaultLabels, type ModelConfig } from "./config.ts";
import type { ModelKind } from "./model-kind.ts";

/** A part of a configuration, as a caller gives it. */
export type ConfigChanges<C extends ModelConfig> = Partial<C> & {
  /** Labels without names, in place of `id2label`; names that are there stay where there are as many. */
  readonly numLabels?: number;
};

/**
 * A whole configuration: the caller's fields over others, or over the defaults.
 *
 * @throws EngineError for a field that there is not, with the nearest that there is
 */
export function changedConfig<C extends ModelConfig>(
  where: string,
  kind: ModelKind<C>,
  changes: ConfigChanges<C>,
  base: Partial<C> = {},
): C {
  const known = [...Object.keys(kind.complete({})), "numLabels"];
  for (const name of Object.keys(changes)) {
    if (known.includes(name)) continue;
    const near = nearestName(name, known);
    const what = `a ${kind.modelType} configuration has no field ${name}`;
    throw new EngineError(where, what, `The nearest is ${near}. Fields that only your code reads go into extra.`);
  }
  const { numLabels, ...fields } = changes;
  const whole = kind.complete(
    withinVocabulary(where, kind, { ...base, ...fields } as Partial<C>, fields as Partial<C>),
  );
  if (numLabels === undefined || numLabels === whole.id2label.length) return whole;
  if (!Number.isSafeInteger(numLabels) || numLabels < 1) {
    throw new EngineError(where, `numLabels is ${numLabels}`, "Give a whole number from 1 on.");
  }
  if (changes.id2label) {
    const what = `numLabels is ${numLabels}, but id2label has ${changes.id2label.length}`;
    throw new EngineError(where, what, "Leave numLabels out, or name as many labels.");
  }
  return kind.complete({ ...whole, id2label: defaultLabels(numLabels) });
}

const TOKEN_IDS = ["padTokenId", "bosTokenId", "eosTokenId", "clsTokenId", "sepTokenId"];

/**
 * A configuration without the default ids of tokens that its vocabulary does not have: Python refuses to make a table for
 * a padding id outside of it.
 *
 * @throws EngineError where the caller gave such a padding id
 */
function withinVocabulary<C extends ModelConfig>(
  where: string,
  kind: ModelKind<C>,
  config: Partial<C>,
  given: Partial<C>,
): Partial<C> {
  const { vocabSize } = kind.complete(config);
  if (typeof given.padTokenId === "number" && given.padTokenId >= vocabSize) {
    const what = `padTokenId is ${given.padTokenId}, but the vocabulary has ${vocabSize} tokens`;
    throw new EngineError(where, what, `Give an id below ${vocabSize}, the tokenizer's, or null for none.`);
  }
  const defaults = Object.entries(kind.complete({})).filter(
    ([name]) => TOKEN_IDS.includes(name) && config[name as keyof C] === undefined,
  );
  const missing = defaults.filter(([, id]) => typeof id === "number" && id >= vocabSize);
  return { ...config, ...Object.fromEntries(missing.map(([name]) => [name, null])) };
}
