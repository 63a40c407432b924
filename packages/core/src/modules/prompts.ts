import { EngineError } from "../errors.ts";

/** Texts that go before other texts, by name. */
export type Prompts = Readonly<Record<string, string>>;

/** Which prompt one call asks for. */
export interface PromptChoice {
  /** The text itself; goes before `promptName`. */
  prompt?: string;
  /** One of the model's `prompts`. @default the model's `defaultPromptName` */
  promptName?: string;
}

/** Prompts that the caller gave over those of a file; "query" and "document" are always there. */
export function mergePrompts(given: Prompts | undefined, stored: Prompts = {}): Record<string, string> {
  return { query: "", document: "", ...stored, ...given };
}

/**
 * The text that goes before the texts of one call; "" for none.
 *
 * @throws EngineError for a name that the model has no prompt for
 */
export function resolvePrompt(
  where: string,
  { prompt, promptName }: PromptChoice,
  model: { readonly prompts: Prompts; readonly defaultPromptName: string | null },
): string {
  if (prompt !== undefined) return prompt;
  const name = promptName ?? model.defaultPromptName;
  if (name === null) return "";
  if (Object.hasOwn(model.prompts, name)) return model.prompts[name]!;
  const names = Object.keys(model.prompts).map((each) => JSON.stringify(each));
  throw new EngineError(
    where,
    `there is no prompt named ${JSON.stringify(name)}`,
    `The model has ${names.join(", ") || "none"}; pass prompt: "…" for another text.`,
  );
}

/** The prompt that queries or documents have where the call names none: the first of these that the model has. */
export function taskPromptName(task: "query" | "document", prompts: Prompts): string | undefined {
  const names = task === "query" ? ["query"] : ["document", "passage", "corpus"];
  return names.find((name) => Object.hasOwn(prompts, name));
}

/**
 * Checks prompts as a caller or a file gave them.
 *
 * @returns a copy without entries that are null
 */
export function readPrompts(where: string, source: string, value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new EngineError(where, `prompts of ${source} are no object`, 'Write { "query": "…", "document": "…" }.');
  }
  const prompts: Record<string, string> = {};
  for (const [name, text] of Object.entries(value)) {
    if (text === null || text === undefined) continue;
    if (typeof text !== "string") {
      throw new EngineError(where, `prompt ${JSON.stringify(name)} of ${source} is a ${typeof text}`, "Write a text.");
    }
    prompts[name] = text;
  }
  return prompts;
}
