import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { readJson } from "../model/read-json.ts";
import { type Prompts, readPrompts } from "./prompts.ts";

export const SETTINGS_FILE = "config_sentence_transformers.json";

/** The release whose files ours follow: the oldest that reads all of them, so that no reader warns of a newer one. */
const FOLLOWED = { sentence_transformers: "5.2.0", transformers: "4.57.6", pytorch: "2.9.0" };

/** What belongs to a model as a whole: `config_sentence_transformers.json`. */
export interface ModelSettings {
  /** The class that saved it. @default "SentenceTransformer" */
  readonly modelType: string;
  readonly prompts: Prompts;
  readonly defaultPromptName: string | null;
  readonly similarityFnName: string | null;
  readonly truncateDim: number | null;
}

/**
 * Reads the settings of a folder.
 *
 * @returns null if there is no such file
 * @throws EngineError that names file and key
 */
export async function readModelSettings(folder: string): Promise<ModelSettings | null> {
  const where = "fromPretrained";
  const file = join(folder, SETTINGS_FILE);
  const json = await readJson(where, file);
  if (!json) return null;
  const text = (key: string): string | null => {
    const value = json[key] ?? null;
    if (value === null || typeof value === "string") return value as string | null;
    throw new EngineError(where, `${key} in ${file} is ${JSON.stringify(value)}`, "Write a text or null.");
  };
  const prompts = readPrompts(where, file, json.prompts);
  const truncateDim = json.truncate_dim ?? null;
  if (truncateDim !== null && !(Number.isInteger(truncateDim) && (truncateDim as number) > 0)) {
    throw new EngineError(
      where,
      `truncate_dim in ${file} is ${JSON.stringify(truncateDim)}`,
      "Write a whole number or null.",
    );
  }
  return {
    modelType: text("model_type") ?? "SentenceTransformer",
    prompts,
    defaultPromptName: text("default_prompt_name"),
    similarityFnName: text("similarity_fn_name"),
    truncateDim: truncateDim as number | null,
  };
}

/** The text of the file, as versions 5 and 6 read it. */
export function modelSettingsText(settings: ModelSettings): string {
  const { modelType, prompts, defaultPromptName, similarityFnName, truncateDim } = settings;
  const json = {
    model_type: modelType,
    __version__: FOLLOWED,
    prompts,
    default_prompt_name: defaultPromptName,
    similarity_fn_name: similarityFnName,
    ...(truncateDim !== null && { truncate_dim: truncateDim }),
  };
  return JSON.stringify(json, null, 2);
}
