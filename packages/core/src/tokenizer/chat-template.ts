/** Chat messages to the text that a model was trained on, by the model's own Jinja template. */
import { Environment, parse, tokenize } from "@huggingface/jinja";
import { EngineError } from "../errors.ts";
import { ChatInterpreter, StepBudget } from "./chat-interpreter.ts";
import { strftime } from "./strftime.ts";

/** One message of a chat. Templates may ask for more fields than these. */
export interface ChatMessage {
  /** "system", "user", "assistant", "tool" … */
  readonly role: string;
  readonly content?: unknown;
  readonly [field: string]: unknown;
}

export interface ChatTemplateOptions {
  /**
   * Whether the text ends where the assistant's answer begins.
   *
   * @default false
   */
  addGenerationPrompt?: boolean;
  /** Tools that the model may call, as JSON schemas. */
  tools?: readonly object[];
  /** Documents to answer from, for templates that take them. */
  documents?: readonly object[];
  /**
   * A template of its own, or the name of one of the tokenizer's.
   *
   * @default "tool_use" where there is one and tools are given, else "default"
   */
  chatTemplate?: string;
  /** Further variables that the template reads. */
  variables?: Readonly<Record<string, unknown>>;
}

/** The templates of a tokenizer, by name; a single one is "default". */
export interface ChatTemplates {
  /** The file they come from, for errors. */
  readonly file: string;
  readonly byName: Readonly<Record<string, string>>;
}

const WHERE = "Tokenizer.applyChatTemplate";

/** Reads chat_template.jinja, else the template or templates of tokenizer_config.json. */
export function readChatTemplates(
  jinja: { file: string; text: string } | null,
  config: { file: string; value: Readonly<Record<string, unknown>> } | null,
): ChatTemplates | null {
  const named = new Map<string, string>();
  const written = config?.value.chat_template;
  if (typeof written === "string") named.set("default", written);
  else if (Array.isArray(written)) {
    for (const [i, entry] of (written as { name?: unknown; template?: unknown }[]).entries()) {
      if (typeof entry?.name !== "string" || typeof entry.template !== "string") {
        throw new EngineError(
          "Tokenizer",
          `${config!.file}: chat_template[${i}] has no "name" or no "template"`,
          "A list of templates has both for each.",
        );
      }
      named.set(entry.name, entry.template);
    }
  }
  if (jinja) named.set("default", jinja.text);
  if (named.size === 0) return null;
  return { file: jinja?.file ?? config!.file, byName: Object.fromEntries(named) };
}

/** Renders a chat. `specials` are the texts of special tokens by their field's name (`bos_token`). */
export function renderChat(
  templates: ChatTemplates | null,
  folder: string,
  specials: Readonly<Record<string, string>>,
  messages: readonly ChatMessage[],
  options: ChatTemplateOptions,
): string {
  const { file, text } = choose(templates, folder, options);
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new EngineError(WHERE, "there is no message", 'Pass at least one: [{ role: "user", content: "…" }].');
  }
  try {
    return run(text, {
      ...specials,
      messages,
      tools: options.tools ?? null,
      documents: options.documents ?? null,
      add_generation_prompt: options.addGenerationPrompt ?? false,
      ...options.variables,
    });
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError(
      WHERE,
      `${file}: ${(error as Error).message}`,
      "Check that the messages are what the template expects (roles, their order, fields), or pass chatTemplate.",
      { cause: error },
    );
  }
}

/** What every template may call and name. It sees these and its variables: neither globals nor prototypes. */
const GLOBALS: Readonly<Record<string, unknown>> = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  strftime_now: (format: string) => strftime(new Date(), format),
  raise_exception: (message: unknown) => {
    throw new Error(String(message));
  },
};

type Program = ReturnType<typeof parse>;
let last: { text: string; program: Program } | null = null;

function run(text: string, variables: Readonly<Record<string, unknown>>): string {
  if (last?.text !== text) last = { text, program: parse(tokenize(text, { lstrip_blocks: true, trim_blocks: true })) };
  const environment = new Environment();
  const budget = new StepBudget();
  const range = (...args: unknown[]) => boundedRange(budget, args);
  for (const [name, value] of Object.entries({ range, ...GLOBALS, ...variables })) environment.set(name, value);
  return String(new ChatInterpreter(WHERE, environment, budget).run(last.program).value);
}

function choose(
  templates: ChatTemplates | null,
  folder: string,
  { chatTemplate, tools }: ChatTemplateOptions,
): { file: string; text: string } {
  const byName = templates?.byName ?? {};
  const own = (name: string) => (Object.hasOwn(byName, name) ? byName[name] : undefined);
  const named = chatTemplate === undefined ? undefined : own(chatTemplate);
  if (chatTemplate !== undefined && named === undefined)
    return { file: "the chatTemplate that was passed", text: chatTemplate };
  const text = named ?? (tools && own("tool_use")) ?? own("default");
  if (text !== undefined) return { file: templates!.file, text };
  if (templates) {
    throw new EngineError(
      WHERE,
      `${templates.file} has the chat templates ${Object.keys(byName).sort().join(", ")}, but no default`,
      "Pass one of these names as chatTemplate.",
    );
  }
  throw new EngineError(
    WHERE,
    `${folder} has no chat template, neither chat_template.jinja nor chat_template in tokenizer_config.json`,
    "Pass chatTemplate, or use a model that was trained to chat.",
  );
}

/** Jinja's range, which an endless one could fill the memory with. Arguments are numbers; a trailing object is the library's. */
function boundedRange(budget: StepBudget, args: readonly unknown[]): number[] {
  const numbers = args.filter((arg) => typeof arg === "number");
  const [a = 0, b, step = 1] = numbers;
  const [start, stop] = b === undefined ? [0, a] : [a, b];
  const count = Math.max(0, Math.ceil((stop - start) / step));
  budget.spend(
    WHERE,
    step === 0 || Number.isNaN(count) ? Number.POSITIVE_INFINITY : count,
    `range(${numbers.join(", ")})`,
  );
  return Array.from({ length: count }, (_, i) => start + i * step);
}
