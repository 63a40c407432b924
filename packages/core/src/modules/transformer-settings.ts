import { join } from "node:path";
import { EngineError } from "../errors.ts";
import type { Json } from "../model/config-fields.ts";
import { readJson } from "../model/read-json.ts";

export const TRANSFORMER_FILE = "sentence_bert_config.json";

/** Names of other times, tried in this order. */
const FILES: readonly string[] = [
  TRANSFORMER_FILE,
  ...["roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"].map(
    (kind) => `sentence_${kind}_config.json`,
  ),
];

/** What a Transformer module's file says, in the layout of version 5 (and before) or of version 6. */
export interface TransformerSettings {
  /** Null: as the tokenizer and the model say. */
  readonly maxSeqLength: number | null;
  readonly doLowerCase: boolean;
  /** "feature-extraction" for token states. */
  readonly task: string;
  /** The whole file, for modules that know more keys. */
  readonly json: Json;
}

/**
 * Reads the settings of a Transformer module; defaults where there is no file.
 *
 * @throws EngineError that names file and key
 */
export async function readTransformerSettings(folder: string): Promise<TransformerSettings> {
  const where = "fromPretrained";
  for (const name of FILES) {
    const file = join(folder, name);
    const json = await readJson(where, file);
    if (!json) continue;
    const stored = json.max_seq_length ?? null;
    if (stored !== null && !(Number.isInteger(stored) && (stored as number) > 0)) {
      throw new EngineError(
        where,
        `max_seq_length in ${file} is ${JSON.stringify(stored)}`,
        "Write a whole number of tokens, or null.",
      );
    }
    const given = tokenizerLimit(json);
    return {
      maxSeqLength: given ?? (stored as number | null),
      doLowerCase: json.do_lower_case === true,
      task: typeof json.transformer_task === "string" ? json.transformer_task : "feature-extraction",
      json,
    };
  }
  return { maxSeqLength: null, doLowerCase: false, task: "feature-extraction", json: {} };
}

/** A limit among the arguments that a file gives to the tokenizer. */
function tokenizerLimit(json: Json): number | null {
  const value = ((json.tokenizer_args ?? json.processor_kwargs) as Json | undefined)?.model_max_length;
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < 2 ** 31 ? (value as number) : null;
}

/** The text of the file, with the two keys that every version reads. */
export function transformerSettingsText(maxSeqLength: number, doLowerCase: boolean): string {
  const json = {
    max_seq_length: Number.isFinite(maxSeqLength) ? maxSeqLength : null,
    do_lower_case: doLowerCase,
  };
  return JSON.stringify(json, null, 4);
}

/**
 * The most tokens of a text: what the module's file says, else the tokenizer's limit; never more than the model has
 * positions for.
 */
export function resolveMaxLength(stored: number | null, tokenizerLimit: number, positions: number): number {
  return Math.min(stored ?? tokenizerLimit, positions);
}
