import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Dense, Normalize, Transformer } from "@ettin/core";
import { Pooling, SentenceTransformer } from "@ettin/dense";
import { expect, test } from "vitest";
import { DENSE, disposed, legacyFolder, openModel } from "../../support/dense-fixture.ts";
import { temporaryFolder } from "../../support/folder.ts";

const source = join(DENSE, "model");
const saved = temporaryFolder();
const [poolings, residual, settings, card, untouched] = Array.from({ length: 5 }, temporaryFolder) as string[];
const legacy = legacyFolder({ max_seq_length: 30, do_lower_case: true });

const text = (folder: string, name: string) => readFileSync(join(folder, name), "utf8");
const json = (folder: string, name: string) => JSON.parse(text(folder, name));

function filesOf(folder: string, below = ""): string[] {
  return readdirSync(join(folder, below))
    .sort()
    .flatMap((name) => {
      const path = join(below, name);
      return statSync(join(folder, path)).isDirectory() ? filesOf(folder, path) : [path];
    });
}

test("a model is saved file by file as every version reads it", async () => {
  const model = await openModel(source);
  await model.savePretrained(saved);
  expect(filesOf(saved)).toEqual([
    "1_Pooling/config.json",
    "2_Dense/config.json",
    "2_Dense/model.safetensors",
    "3_Normalize/config.json",
    "README.md",
    "config.json",
    "config_sentence_transformers.json",
    "model.safetensors",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
  ]);
  // What versions up to 5.3 wrote, byte for byte.
  const old = join(DENSE, "legacy");
  for (const name of ["modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"]) {
    expect(text(saved, name), name).toBe(text(old, name));
  }
  expect(text(saved, "1_Pooling/config.json")).toBe(text(old, "1_Pooling/config.json"));
  expect(json(saved, "2_Dense/config.json")).toEqual(json(old, "2_Dense/config.json"));
  expect(json(saved, "3_Normalize/config.json")).toEqual({});
  expect(text(saved, "tokenizer.json")).toBe(text(source, "tokenizer.json"));
  expect(json(saved, "tokenizer_config.json")).toEqual(json(source, "tokenizer_config.json"));
});

test("weights are those of the reference, and only the transformer's name their format", async () => {
  const header = (folder: string, name: string) => {
    const file = readFileSync(join(folder, name));
    return JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString());
  };
  const model = await openModel(source);
  await model.savePretrained(saved);
  expect(header(saved, "model.safetensors").__metadata__).toEqual({ format: "pt" });
  expect(header(saved, "2_Dense/model.safetensors").__metadata__ ?? {}).toEqual({});
  expect(header(saved, "2_Dense/model.safetensors")["linear.weight"].shape).toEqual([12, 16]);
  const again = await openModel(saved);
  const values = async (from: SentenceTransformer) =>
    Promise.all(from.entries().map(async ({ name, tensor }) => [name, await tensor.data()]));
  expect(await values(again)).toEqual(await values(model));
});

test("length, lower case, prompts, similarity and cut are saved where each version looks", async () => {
  const model = await openModel(legacy, { prompts: { query: "q: " }, defaultPromptName: "query", truncateDim: 8 });
  expect(model.maxSeqLength).toBe(30);
  model.maxSeqLength = 17;
  model.similarityFnName = "manhattan";
  await model.savePretrained(settings!);
  expect(json(settings!, "sentence_bert_config.json")).toEqual({ max_seq_length: 17, do_lower_case: true });
  expect(json(settings!, "tokenizer_config.json").model_max_length).toBe(17);
  expect(json(settings!, "config_sentence_transformers.json")).toMatchObject({
    prompts: { query: "q: ", document: "", passage: "passage: " },
    default_prompt_name: "query",
    similarity_fn_name: "manhattan",
    truncate_dim: 8,
  });
  const again = await openModel(settings!);
  expect([again.maxSeqLength, again.defaultPromptName, again.similarityFnName, again.embeddingDimension]).toEqual([
    17,
    "query",
    "manhattan",
    8,
  ]);
  expect(await again.encode("THE SAME")).toEqual(await again.encode("the same"));
});

test("modes in an order that switches cannot say are saved by name", async () => {
  const transformer = await Transformer.fromPretrained(source);
  const pooling = new Pooling({ embeddingDimension: 16, poolingMode: ["lasttoken", "mean"], includePrompt: false });
  const model = disposed(new SentenceTransformer({ modules: [transformer, pooling] }));
  await model.savePretrained(poolings!);
  expect(json(poolings!, "1_Pooling/config.json")).toEqual({
    embedding_dimension: 16,
    pooling_mode: ["lasttoken", "mean"],
    include_prompt: false,
  });
  const again = await openModel(poolings!);
  expect(await again.encode("a", { prompt: "b: " })).toEqual(await model.encode("a", { prompt: "b: " }));
  expect(again.embeddingDimension).toBe(32);
});

test("a residual Dense, and names of tensors, come back as they were", async () => {
  const modules = [
    await Transformer.fromPretrained(source),
    new Dense({ inFeatures: 16, outFeatures: 6, useResidual: true, inputName: "token_embeddings", activation: "ReLU" }),
    new Normalize({ inputName: "token_embeddings" }),
    new Pooling({ embeddingDimension: 6 }),
  ];
  const model = disposed(new SentenceTransformer({ modules }));
  await model.savePretrained(residual!);
  const again = await openModel(residual!);
  expect(await again.encode("a b c")).toEqual(await model.encode("a b c"));
  const { tokens } = again.tokenizeNow(["a b c"]);
  expect((await again.encode("a b c", { outputValue: "token_embeddings" })).length).toBe(6 * tokens.length);
  expect(json(residual!, "1_Dense/config.json")).toMatchObject({
    use_residual: true,
    module_input_name: "token_embeddings",
    activation_function: "torch.nn.modules.activation.ReLU",
  });
});

test("the card of a model that was not trained stays as it was", async () => {
  const { writeFileSync } = await import("node:fs");
  const model = await openModel(source);
  await model.savePretrained(untouched!, { createModelCard: false });
  expect(filesOf(untouched!)).not.toContain("README.md");
  writeFileSync(join(untouched!, "README.md"), "# Mine\n");
  const again = await openModel(untouched!);
  await again.savePretrained(card!);
  expect(text(card!, "README.md")).toBe("# Mine\n");
  await again.savePretrained(card!, { card: { name: "Other" } });
  expect(text(card!, "README.md")).toContain("# Other");
});
