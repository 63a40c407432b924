/**
 * A retriever that is a table of random vectors, one per token, for retrieval.{ts,py} to train: large steps in little time.
 *
 *   node --import ./scripts/typescript.mjs scripts/reference/static_retriever.ts --tokenizer ettin/ --dim 768 --out static/
 */
import { parseArgs } from "node:util";
import { randn, Tokenizer } from "@ettin/core";
import { SentenceTransformer, StaticEmbedding } from "@ettin/dense";

const { values } = parseArgs({
  options: { tokenizer: { type: "string" }, dim: { type: "string", default: "768" }, out: { type: "string" } },
});
if (!values.tokenizer || !values.out) throw new Error("[static_retriever] --tokenizer and --out are needed");
const tokenizer = await Tokenizer.fromPretrained(values.tokenizer);
const dim = Number(values.dim);
const weight = randn([tokenizer.vocabSize, dim], { std: 1 / Math.sqrt(dim), seed: 1 });
await new SentenceTransformer({ modules: [new StaticEmbedding({ tokenizer, weight })] }).savePretrained(values.out);
