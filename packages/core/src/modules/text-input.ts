import { EngineError } from "../errors.ts";
import type { Json } from "../model/config-fields.ts";

/**
 * Refuses settings of a Transformer module under which texts become other ids or other states than here: lengths by task,
 * query expansion, arguments of the tokenizer's calls, chat templates, and states that are not those of the last layer.
 * Left out in silence they would give other embeddings.
 *
 * @param json the module's file, in the layout of version 6
 * @throws EngineError that names file and key
 */
export function expectTextInput(file: string, json: Json): void {
  const refuse = (key: string, value: unknown) => {
    throw new EngineError(
      "Transformer",
      `${key} in ${file} is ${JSON.stringify(value)}, which would change embeddings and is not known here`,
      "Use the model in Python, or take the setting away where it was trained without.",
    );
  };
  for (const key of ["query_length", "document_length", "query_expansion"])
    if (json[key] != null) refuse(key, json[key]);
  const calls = record(json.processing_kwargs);
  for (const key of ["text", "common", "chat_template"]) {
    if (Object.keys(record(calls[key])).length > 0) refuse(`processing_kwargs.${key}`, calls[key]);
  }
  if (json.modality_config == null) return;
  const { text, message } = record(json.modality_config);
  if (message !== undefined) refuse("modality_config.message", message);
  const { method, method_output_name: output } = record(text);
  if (method !== "forward" || String(output) !== "last_hidden_state") refuse("modality_config.text", text);
  const { module_output_name: name = "token_embeddings" } = json;
  if (name !== "token_embeddings") refuse("module_output_name", name);
}

const record = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});
