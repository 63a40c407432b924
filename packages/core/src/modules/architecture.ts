import { join } from "node:path";
import { readJson } from "../model/read-json.ts";

/** What `config.json` says about the model that was saved. */
export interface Architecture {
  readonly modelType: string | null;
  /** The first class that it names: "ModernBertForMaskedLM". */
  readonly name: string | null;
  /** Whether it is a causal language model whose tokens see only those before them. */
  readonly isCausalLM: boolean;
  readonly json: Readonly<Record<string, unknown>>;
}

/**
 * Reads which class a model's folder was saved from.
 *
 * @returns null where there is no config.json
 */
export async function readArchitecture(folder: string): Promise<Architecture | null> {
  const json = await readJson("fromPretrained", join(folder, "config.json"));
  if (!json) return null;
  const first = Array.isArray(json.architectures) ? (json.architectures[0] as unknown) : null;
  const name = typeof first === "string" ? first : null;
  return {
    modelType: typeof json.model_type === "string" ? json.model_type : null,
    name,
    isCausalLM: name?.endsWith("ForCausalLM") === true && json.is_causal !== false,
    json,
  };
}
