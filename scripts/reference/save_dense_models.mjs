// For check_dense.py: saves models of every kind, with the embeddings that they give here. Uses the built packages.
//
//   node scripts/reference/save_dense_models.mjs FOLDER
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as core from "@ettin/core";
import * as dense from "@ettin/dense";

const fixtures = fileURLToPath(new URL("../../test/fixtures/dense", import.meta.url));
const out = process.argv[2];
const { texts } = JSON.parse(await readFile(join(fixtures, "embeddings.json"), "utf8"));
const encoder = join(fixtures, "model");

await save("as it was loaded", await dense.SentenceTransformer.fromPretrained(encoder));
await save("in bfloat16", await dense.SentenceTransformer.fromPretrained(encoder, { dtype: "bfloat16" }));
await save("static", await dense.SentenceTransformer.fromPretrained(join(fixtures, "static")));
await save(
  "without the prompt",
  await withModules([pooling("weightedmean", false)], { prompts: { query: "query: " } }),
);
await save("several modes", await withModules([pooling(["cls", "max", "mean"])], { truncateDim: 40 }));
await save("modes in another order", await withModules([pooling(["lasttoken", "mean"])], {}));
await save(
  "dense and residual",
  await withModules(
    [
      pooling("mean"),
      new dense.Dense({ inFeatures: 16, outFeatures: 24, activation: "GELU", useResidual: true, seed: 3 }),
      new dense.Dense({ inFeatures: 24, outFeatures: 8, activation: "Identity", bias: false, seed: 4 }),
      new dense.Normalize(),
    ],
    { similarityFnName: "euclidean", defaultPromptName: "query", prompts: { query: "q: " } },
  ),
);
for (const [name, Model] of [
  ["bare decoder", core.ModernBertDecoderForCausalLM],
  ["bare Llama", core.LlamaForCausalLM],
  ["bare masked language model", core.ModernBertForMaskedLM],
]) {
  const folder = await mkdtemp(join(tmpdir(), "ettin-bare-"));
  const shape = { vocabSize: 320, hiddenSize: 32, intermediateSize: 48, numHiddenLayers: 2, maxPositionEmbeddings: 64 };
  const ids = { bosTokenId: 1, eosTokenId: 2, clsTokenId: 1, sepTokenId: 2, padTokenId: 3 };
  const bare = Model.fromConfig({ ...shape, ...ids, numAttentionHeads: 2, numKeyValueHeads: 2 }, { seed: 5 });
  await bare.savePretrained(folder);
  bare.dispose();
  const tokenizer = await core.Tokenizer.fromFolder(encoder);
  await tokenizer.savePretrained(folder);
  const model = await dense.SentenceTransformer.fromPretrained(folder);
  await save(name, model, folder);
  await rm(folder, { recursive: true });
}

function pooling(poolingMode, includePrompt = true) {
  return new dense.Pooling({ embeddingDimension: 16, poolingMode, includePrompt });
}

async function withModules(modules, options) {
  const transformer = await dense.Transformer.fromPretrained(encoder);
  return new dense.SentenceTransformer({ modules: [transformer, ...modules], ...options });
}

/** @param bare a folder without modules, which Python is to open as well */
async function save(name, model, bare) {
  const folder = join(out, name);
  await model.savePretrained(folder);
  const rows = async (encode) => (await encode).map((row) => [...row]);
  const embeddings = await model.encode(texts);
  const { data } = await model.similarity(embeddings, embeddings);
  const numbers = {
    texts,
    embeddings: await rows(embeddings),
    queries: await rows(model.encodeQuery(texts)),
    documents: await rows(model.encodeDocument(texts)),
    similarity: [...data],
    poolingMode: bare ? model.modules[1].modes[0] : null,
  };
  await writeFile(join(folder, "numbers.json"), JSON.stringify(numbers));
  if (bare) await cp(bare, join(folder, "bare"), { recursive: true });
  model.dispose();
}
