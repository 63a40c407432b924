import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { BPE, folderWith, open, patchedJson, UNIGRAM } from "../../support/tokenizers.ts";

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "ettin-saved-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "deep", "er");
}

test.each([
  ["byte-level", BPE],
  ["Unigram", UNIGRAM],
])("a saved %s tokenizer has the bytes of the files that it was read from", async (_, folder) => {
  const target = emptyFolder();
  await (await open(folder)).savePretrained(target);
  expect(readdirSync(target).sort()).toEqual(["tokenizer.json", "tokenizer_config.json"]);
  for (const name of readdirSync(target)) {
    expect(readFileSync(join(target, name)).equals(readFileSync(join(folder, name)))).toBe(true);
  }
});

test("the special tokens' map and the chat template are saved where they were read", async () => {
  const files = { "special_tokens_map.json": { cls_token: "[CLS]" }, "chat_template.jinja": "{{ messages }}" };
  const target = emptyFolder();
  await (await open(folderWith({ "tokenizer.json": patchedJson({}), ...files }))).savePretrained(target);
  const names = ["chat_template.jinja", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"];
  expect(readdirSync(target).sort()).toEqual(names);
  expect(readFileSync(join(target, "chat_template.jinja"), "utf8")).toBe("{{ messages }}");
  expect((await open(target)).specialTokens).toEqual({ cls: { token: "[CLS]", id: 4084 } });
});

test("saving onto itself changes nothing", async () => {
  const folder = folderWith({ "tokenizer.json": patchedJson({}), "tokenizer_config.json": { cls_token: "[CLS]" } });
  const before = readFileSync(join(folder, "tokenizer.json"));
  await (await open(folder)).savePretrained(folder);
  expect(readFileSync(join(folder, "tokenizer.json")).equals(before)).toBe(true);
});

test("a saved tokenizer has the same fingerprint, one that encodes otherwise another", async () => {
  const target = emptyFolder();
  const tokenizer = await open(folderWith({ "tokenizer.json": patchedJson({}) }));
  await tokenizer.savePretrained(target);
  const saved = await open(target);
  expect(saved.specialTokens).toEqual(tokenizer.specialTokens); // known by their names alone, as there was no config
  expect(saved.fingerprint).toBe(tokenizer.fingerprint);
  expect(tokenizer.fingerprint).toMatch(/^[0-9a-f]{16}$/);
  const named = folderWith({ "tokenizer.json": patchedJson({}), "tokenizer_config.json": { cls_token: "[CLS]" } });
  const others = [
    await open(named),
    await open(folderWith({ "tokenizer.json": patchedJson({ normalizer: { type: "Lowercase" } }) })),
  ];
  const prints = [tokenizer, ...others].map(({ fingerprint }) => fingerprint);
  expect(new Set(prints).size).toBe(3);
});
