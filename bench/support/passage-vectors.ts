/**
 * Embeddings for `npm run bench -- index --vectors`: those of passages, then of a thousand questions.
 *
 *   node --import ./scripts/typescript.mjs bench/support/passage-vectors.ts --model retriever/ --pairs pairs.jsonl.gz \
 *     --docs brown.jsonl.gz --docs speeches.jsonl.gz --out vectors.bin
 *
 * Passages are the positives of `--pairs`, as many as there are, then pieces of 48 words of the texts of `--docs`, up to
 * `--count` in all. The questions are queries of the pairs' test split. Vectors are normalised; a text that is there
 * twice is taken once.
 */
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { parseArgs } from "node:util";
import { loadDataset } from "@ettin/core";
import { SentenceTransformer } from "@ettin/dense";

const WORDS = 48;
const QUESTIONS = 1000;

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    pairs: { type: "string" },
    docs: { type: "string", multiple: true, default: [] },
    count: { type: "string", default: "100000" },
    out: { type: "string" },
  },
});
const { model: folder, pairs, out } = values;
if (!folder || !pairs || !out) throw new Error("[passage-vectors] --model, --pairs and --out are needed");
const count = Number(values.count);

const rows = [...(await loadDataset<{ query: string; positive: string; split: string }>(pairs))];
const passages = new Set(rows.map(({ positive }) => positive));
for (const path of values.docs) {
  for (const { text } of await loadDataset<{ text: string }>(path)) {
    const words = text.split(/\s+/).filter((word) => word !== "");
    for (let at = 0; at + WORDS <= words.length; at += WORDS) passages.add(words.slice(at, at + WORDS).join(" "));
  }
}
const questions = rows.filter(({ split }) => split === "test").map(({ query }) => query);
if (passages.size < count || questions.length < QUESTIONS) {
  throw new Error(`[passage-vectors] ${passages.size} passages and ${questions.length} questions; give more --docs`);
}

const model = await SentenceTransformer.fromPretrained(folder);
const file = createWriteStream(out);
for (const texts of [[...passages].slice(0, count), questions.slice(0, QUESTIONS)]) {
  for (let at = 0; at < texts.length; at += 4096) {
    const vectors = await model.encode(texts.slice(at, at + 4096), { normalizeEmbeddings: true });
    for (const vector of vectors) file.write(new Uint8Array(vector.slice().buffer));
  }
}
file.end();
await finished(file);
console.log(`${count} passages and ${QUESTIONS} questions of ${model.embeddingDimension} in ${out}`);
model.dispose();
