import { describe, expect, test } from "vitest";
import { BPE, folderWith, open, patchedJson } from "../../support/tokenizers.ts";

const CHATML =
  "{% for message in messages %}\n<|im_start|>{{ message.role }}\n{{ message['content'] | trim }}<|im_end|>\n{% endfor %}\n" +
  "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
const MESSAGES = [
  { role: "system", content: "You are a giant." },
  { role: "user", content: " How tall? " },
];
const ROLES = { bos_token: "[CLS]", eos_token: { content: "[SEP]" } };

const withTemplates = (config: object, files: Record<string, string> = {}) =>
  open(folderWith({ "tokenizer.json": patchedJson({}), "tokenizer_config.json": { ...ROLES, ...config }, ...files }));

test("the template of tokenizer_config.json writes the chat, its blocks' own lines left out", async () => {
  const tokenizer = await withTemplates({ chat_template: CHATML });
  const chat = "<|im_start|>system\nYou are a giant.<|im_end|>\n<|im_start|>user\nHow tall?<|im_end|>\n";
  expect(tokenizer.applyChatTemplate(MESSAGES)).toBe(chat);
  expect(tokenizer.applyChatTemplate(MESSAGES, { addGenerationPrompt: true })).toBe(`${chat}<|im_start|>assistant\n`);
});

test("chat_template.jinja wins", async () => {
  const tokenizer = await withTemplates(
    { chat_template: "old" },
    { "chat_template.jinja": "{{ bos_token }}new{{ eos_token }}" },
  );
  expect(tokenizer.applyChatTemplate(MESSAGES)).toBe("[CLS]new[SEP]");
});

describe("a list of named templates", () => {
  const list = [
    { name: "default", template: "plain" },
    { name: "tool_use", template: "tools: {{ tools[0].name }}" },
    { name: "rag", template: "{{ documents | length }} documents" },
  ];

  test("chooses by name, by tools, or the default", async () => {
    const tokenizer = await withTemplates({ chat_template: list });
    expect(tokenizer.applyChatTemplate(MESSAGES)).toBe("plain");
    expect(tokenizer.applyChatTemplate(MESSAGES, { tools: [{ name: "ruler" }] })).toBe("tools: ruler");
    expect(tokenizer.applyChatTemplate(MESSAGES, { chatTemplate: "rag", documents: [{}, {}] })).toBe("2 documents");
    expect(tokenizer.applyChatTemplate(MESSAGES, { chatTemplate: "{{ messages[1].role }}" })).toBe("user");
  });

  test("without a default names what there is", async () => {
    const tokenizer = await withTemplates({ chat_template: list.slice(1) });
    expect(() => tokenizer.applyChatTemplate(MESSAGES)).toThrow(
      /tokenizer_config.json has the chat templates rag, tool_use/,
    );
  });
});

test("variables reach the template", async () => {
  const tokenizer = await withTemplates({
    chat_template: "{% if think %}<think>{% endif %}{{ strftime_now('%Y') | length }}",
  });
  expect(tokenizer.applyChatTemplate(MESSAGES, { variables: { think: true } })).toBe("<think>4");
});

test("no template at all is said", async () => {
  const tokenizer = await open(BPE);
  expect(() => tokenizer.applyChatTemplate(MESSAGES)).toThrow(/examples\/tokenizer has no chat template/);
});

test("no messages is said", async () => {
  const tokenizer = await withTemplates({ chat_template: CHATML });
  expect(() => tokenizer.applyChatTemplate([])).toThrow("there is no message");
});

test("a long chat is no hostile one", async () => {
  const tokenizer = await withTemplates({ chat_template: CHATML });
  const chat = Array.from({ length: 5000 }, (_, i) => ({
    role: i % 2 ? "assistant" : "user",
    content: "word ".repeat(100),
  }));
  expect(tokenizer.applyChatTemplate(chat).length).toBeGreaterThan(5000 * 500);
});

describe("a hostile template", () => {
  test.each([
    ["process", "{{ process.env.PATH }}", ""],
    ["globals", "{{ globalThis }}{{ require }}", ""],
    ["constructors", "{{ ''.constructor }}{{ messages.constructor }}{{ {}.__proto__ }}", ""],
  ])("does not reach %s", async (_, template, text) => {
    const tokenizer = await withTemplates({ chat_template: template });
    expect(tokenizer.applyChatTemplate(MESSAGES)).toBe(text);
  });

  test.each([
    ["a call of a constructor", "{{ range.constructor('return process')() }}", /tokenizer_config.json: /],
    ["an endless range", "{% for i in range(100000000000) %}{% endfor %}", /range\(100000000000\)/],
    ["a step of 0", "{% for i in range(0, 1, 0) %}{% endfor %}", /range\(0, 1, 0\)/],
    [
      "a text that doubles",
      "{% set n = namespace(t='x') %}{% for i in range(64) %}{% set n.t = n.t ~ n.t %}{% endfor %}",
      /steps/,
    ],
    [
      "loops in loops",
      `${"{% for i in range(1000000) %}".repeat(2)}${"{% endfor %}".repeat(2)}`,
      /range\(1000000\)|steps/,
    ],
    [
      "small loops in loops",
      `${"{% for i in range(80) %}".repeat(4)}x${"{% endfor %}".repeat(4)}`,
      /range\(80\)|steps/,
    ],
    [
      "loops over one list",
      "{% set r = range(5000) %}{% for i in r %}{% for j in r %}{% endfor %}{% endfor %}",
      /more than 5,000,000 steps. A chat has at most 5,000,000 steps/,
    ],
    [
      "a list that is copied",
      "{% set r = range(200000) %}{% for i in range(500) %}{% set x = r | list %}{% endfor %}",
      /steps/,
    ],
    [
      "a list that is searched",
      "{% set r = range(200000) %}{% for i in range(500) %}{{ -1 in r }}{% endfor %}",
      /steps/,
    ],
    [
      "lists that are sliced",
      "{% set r = range(200000) %}{% for i in range(500) %}{% set x = r[1:] %}{% endfor %}",
      /steps/,
    ],
    [
      "texts that are joined",
      "{% set n = namespace(t='xxxxxxxx') %}{% for i in range(20) %}{% set n.t = n.t ~ n.t %}{% endfor %}{% for i in range(5000) %}{% set x = n.t ~ 'y' %}{% endfor %}",
      /steps/,
    ],
    ["deep brackets", `{{ ${"(".repeat(100_000)} }}`, /tokenizer_config.json: /],
    ["broken syntax", "{% if %}", /tokenizer_config.json: /],
    [
      "its own exception",
      "{{ raise_exception('roles must alternate') }}",
      /tokenizer_config.json: roles must alternate/,
    ],
  ])("ends %s with an error that names the file", async (_, template, message) => {
    const tokenizer = await withTemplates({ chat_template: template });
    expect(() => tokenizer.applyChatTemplate(MESSAGES)).toThrow(message);
  });
});
