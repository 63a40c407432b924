// node --import ./scripts/typescript.mjs scripts/reference/save-tokenizer.ts FOLDER TARGET: saves a tokenizer for
// tokenizer_check.py to load, with what it makes of the fixture's texts.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "../../packages/core/src/index.ts";

const [folder, target] = process.argv.slice(2) as [string, string];
const { wordpiece } = JSON.parse(readFileSync("test/fixtures/tokenizer/cases.json", "utf8"));
const tokenizer = await Tokenizer.fromFolder(folder);
await tokenizer.savePretrained(target);
const texts = (wordpiece.cases as { text: string }[]).map(({ text }) => {
  const ids = [...tokenizer.encode(text).ids];
  return { text, ids, decoded: tokenizer.decode(ids, { skipSpecialTokens: true }) };
});
writeFileSync(join(target, "ids.json"), JSON.stringify({ texts, specialTokens: tokenizer.specialTokens }));
