/**
 * Whether the tokenizer gives the ids that it should: on every case of files that Python's tokenizers wrote, and on random
 * strings, where the native path is held against the library. The strings mix words of the cases, special tokens, spaces,
 * digits, marks that combine, halves of surrogate pairs and any characters.
 *
 *   node --import ./scripts/typescript.mjs scripts/reference/tokenizer_strings.ts --tokenizer FOLDER \
 *     --cases cases.json --pair-cases pair_cases.json --strings 1000000 --seed 1 --differences differences.jsonl
 *   python scripts/reference/tokenizer_strings.py FOLDER differences.jsonl
 *
 * A case has `text`, `ids`, and where it was written `ids_no_special` and `decoded`; a pair's also `pair`: the first
 * difference ends the run. Where library and native path differ (U+0085 is white space to Python's tokenizers alone, and
 * each has its own version of Unicode), the string goes into a file, and the second script asks Python's tokenizers.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { LibraryTokenizer } from "../../packages/core/src/tokenizer/library.ts";
import { Tokenizer } from "../../packages/core/src/tokenizer/tokenizer.ts";

const BATCH = 20_000;

const { values: options } = parseArgs({
  options: {
    tokenizer: { type: "string" },
    cases: { type: "string" },
    "pair-cases": { type: "string" },
    strings: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    differences: { type: "string", default: "differences.jsonl" },
  },
});

interface Case {
  readonly text: string;
  readonly pair?: string;
  readonly ids: readonly number[];
  readonly ids_no_special?: readonly number[];
  readonly decoded?: string;
}

const read = (path: string | undefined): Case[] => (path ? JSON.parse(readFileSync(path, "utf8")) : []);

function expectSame(what: string, text: string, got: ArrayLike<number> | string, wanted: ArrayLike<number> | string) {
  const [ours, theirs] = [got, wanted].map((value) =>
    typeof value === "string" ? value : Array.from(value).join(" "),
  );
  if (ours === theirs) return;
  console.error(`${what} of ${JSON.stringify(text)}\n  ours   ${ours}\n  wanted ${theirs}`);
  process.exit(1);
}

function checkCases(tokenizer: Tokenizer, cases: readonly Case[]): void {
  for (const { text, pair, ids, ids_no_special: plain, decoded } of cases) {
    expectSame("ids", text, tokenizer.encode(text, pair === undefined ? {} : { pair }).ids, ids);
    if (plain) expectSame("plain ids", text, tokenizer.encode(text, { addSpecialTokens: false }).ids, plain);
    if (decoded !== undefined)
      expectSame("the decoded text", text, tokenizer.decode(ids, { skipSpecialTokens: true }), decoded);
  }
}

/** Numbers from 0 to below 1, the same for a seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Makes strings of 0 to 5 pieces of mixed kinds. */
function stringMaker(random: () => number, words: readonly string[], specials: readonly string[]): () => string {
  const below = (count: number) => Math.floor(random() * count);
  const oneOf = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const characters = (first: number, last: number) => String.fromCodePoint(first + below(last - first + 1));
  const kinds: (() => string)[] = [
    ...Array.from({ length: 6 }, () => () => oneOf(words)),
    () => ` ${oneOf(words)}`,
    () => " ".repeat(1 + below(26)),
    () =>
      oneOf([
        "\n",
        "\r\n",
        "\t",
        "\u00a0",
        "\u3000",
        "\u2003",
        "\u0085",
        "'s",
        "'LL",
        "’t",
        "\u0301",
        "\u0338",
        "\u200d",
      ]),
    () => oneOf(specials),
    () => oneOf(specials).slice(0, -1),
    () => String(below(10 ** (1 + below(9)))),
    () => Array.from({ length: 1 + below(6) }, () => characters(0x20, 0x7e)).join(""),
    () => Array.from({ length: 1 + below(4) }, () => characters(0xa0, 0x24f)).join(""),
    () => Array.from({ length: 1 + below(4) }, () => characters(0x300, 0x6ff)).join(""),
    () => Array.from({ length: 1 + below(3) }, () => characters(0x1100, 0x11ff)).join(""),
    () => Array.from({ length: 1 + below(3) }, () => characters(0x3040, 0x9fff)).join(""),
    () => characters(0x1f300, 0x1faff),
    () => String.fromCharCode(0xd800 + below(0x800)),
    () => characters(0, 0x10ffff),
    () => oneOf(["a", "the", "!", "=", "-"]).repeat(1 + below(12)),
  ];
  return () => Array.from({ length: below(6) }, () => oneOf(kinds)()).join("");
}

/** Compares native path and library: how many bytes that were, and the strings whose ids differ. */
async function compare(folder: string, tokenizer: Tokenizer, make: () => string, count: number) {
  const text = () => readFileSync(join(folder, "tokenizer.json"), "utf8");
  const { specialTokens } = tokenizer;
  const library = new LibraryTokenizer({ file: join(folder, "tokenizer.json"), text, specialTokens });
  const differing: { text: string; ids: number[] }[] = [];
  let bytes = 0;
  for (let done = 0; done < count; done += BATCH) {
    const texts = Array.from({ length: Math.min(BATCH, count - done) }, make);
    const ours = await tokenizer.encodeBatch(texts, { addSpecialTokens: false });
    const theirs = await library.encodeBatch(texts);
    for (const [i, text] of texts.entries()) {
      bytes += Buffer.byteLength(text);
      const ids = [...ours.tokens.subarray(ours.offsets[i]!, ours.offsets[i + 1]!)];
      const other = theirs.ids.subarray(theirs.offsets[i]!, theirs.offsets[i + 1]!);
      if (ids.length !== other.length || ids.some((id, t) => id !== other[t])) differing.push({ text, ids });
    }
    console.error(`${done + texts.length} strings, ${differing.length} differ`);
  }
  library.dispose();
  return { bytes, differing };
}

const folder = options.tokenizer;
if (!folder)
  throw new Error("--tokenizer FOLDER is missing: the folder of the tokenizer that the cases were written with");
const tokenizer = await Tokenizer.fromFolder(folder);
const [cases, pairs] = [read(options.cases), read(options["pair-cases"])];
checkCases(tokenizer, [...cases, ...pairs]);
console.log(`${cases.length} cases and ${pairs.length} pairs: the ids of the files`);

const words = cases.flatMap(({ text }) => text.match(/\S+/g) ?? []);
const specials = [...tokenizer.specialIds].map((id) => tokenizer.decode([id]));
const make = stringMaker(generator(Number(options.seed)), words.length > 0 ? words : ["words"], specials);
const count = Number(options.strings);
const { bytes, differing } = await compare(folder, tokenizer, make, count);
writeFileSync(options.differences, differing.map((each) => `${JSON.stringify(each)}\n`).join(""));
console.log(
  `${count} random strings, ${(bytes / 1e6).toFixed(1)} MB, seed ${options.seed}: ${count - differing.length} have the ` +
    `library's ids, the other ${differing.length} are in ${options.differences}`,
);
tokenizer.dispose();
