/** The files that make a tokenizer, read from a folder and written to one. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { type ChatTemplates, readChatTemplates } from "./chat-template.ts";
import type { SpecialTokens } from "./special-tokens.ts";
import { parseJsonObject } from "./tokenizer-json.ts";

export const TOKENIZER_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
] as const;
type FileName = (typeof TOKENIZER_FILES)[number];

/** What older models have instead of tokenizer.json. */
const LEGACY = ["vocab.txt", "vocab.json", "merges.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"];

/** Far beyond any tokenizer.json, and what one JavaScript string still holds. */
const LARGEST_FILE = 256 * 2 ** 20;

type Config = Readonly<Record<string, unknown>>;

export interface TokenizerFiles {
  readonly folder: string;
  /** As they were read, to be written again. */
  readonly contents: ReadonlyMap<FileName, Buffer>;
  readonly config: Config | null;
  readonly specialTokensMap: Config | null;
  readonly chatTemplates: ChatTemplates | null;
}

/** Reads the files that are there; only tokenizer.json must be. */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const contents = new Map<FileName, Buffer>();
  for (const name of TOKENIZER_FILES) {
    const content = await readIfThere(join(folder, name));
    if (content) contents.set(name, content);
  }
  if (!contents.has("tokenizer.json")) throw await missing(folder);

  const json = (name: FileName): Config | null => {
    const content = contents.get(name);
    return content ? parseJsonObject(join(folder, name), content.toString("utf8")) : null;
  };
  const config = json("tokenizer_config.json");
  const jinja = contents.get("chat_template.jinja");
  return {
    folder,
    contents,
    config,
    specialTokensMap: json("special_tokens_map.json"),
    chatTemplates: readChatTemplates(
      jinja ? { file: join(folder, "chat_template.jinja"), text: jinja.toString("utf8") } : null,
      config && { file: join(folder, "tokenizer_config.json"), value: config },
    ),
  };
}

/**
 * Writes them as they were read, so that other libraries load the same tokenizer.
 *
 * @param options `modelMaxLength`: what `model_max_length` is to be, where it is to change; `specialTokens`: the roles, for
 *   a tokenizer_config.json that was not there
 */
export async function writeTokenizerFiles(
  folder: string,
  contents: ReadonlyMap<FileName, Buffer>,
  { modelMaxLength, specialTokens = {} }: { modelMaxLength?: number; specialTokens?: SpecialTokens } = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, content] of contents) await writeFile(join(folder, name), content);
  const stored = contents.get("tokenizer_config.json");
  // Python's loader takes a folder without it for one of another kind.
  const config = stored
    ? parseJsonObject(join(folder, "tokenizer_config.json"), stored.toString("utf8"))
    : { tokenizer_class: "PreTrainedTokenizerFast", ...rolesOf(specialTokens) };
  const changed = modelMaxLength !== undefined && config.model_max_length !== modelMaxLength;
  if (stored && !changed) return;
  const whole = changed ? { ...config, model_max_length: modelMaxLength } : config;
  await writeFile(join(folder, "tokenizer_config.json"), `${JSON.stringify(whole, null, 2)}\n`);
}

/** With a config there, roles are no longer guessed from the tokens' names. */
const rolesOf = (specialTokens: SpecialTokens): Record<string, string> =>
  Object.fromEntries(Object.entries(specialTokens).map(([role, { token }]) => [`${role}_token`, token]));

async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    const content = await readFile(path);
    if (content.length <= LARGEST_FILE) return content;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new EngineError("Tokenizer", `${path} cannot be read (${code})`, "Check the path and its permissions.", {
      cause: error,
    });
  }
  throw new EngineError("Tokenizer", `${path} has more than ${LARGEST_FILE} bytes`, "No tokenizer is that large.");
}

async function missing(folder: string): Promise<EngineError> {
  const files = await readdir(folder).catch(() => null);
  if (!files) return new EngineError("Tokenizer", `${folder} is not a folder`, "Pass a model's folder or its Hub id.");
  const legacy = LEGACY.filter((name) => files.includes(name));
  return new EngineError(
    "Tokenizer",
    `${folder} has no tokenizer.json${legacy.length > 0 ? `, only ${legacy.join(", ")}` : ""}`,
    "Save the tokenizer with Python: AutoTokenizer.from_pretrained(folder).save_pretrained(folder).",
  );
}
