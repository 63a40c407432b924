import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as core from "@ettin/core";
import { describe, expect, test } from "vitest";
import { checkpointFolder } from "../../support/checkpoint.ts";
import { temporaryFolder } from "../../support/folder.ts";

type Json = Record<string, unknown>;
interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** A copy of a fixture with another configuration. */
function withConfig(name: string, change: (config: Json) => Json): string {
  const folder = temporaryFolder();
  cpSync(checkpointFolder(name), folder, { recursive: true });
  const file = join(folder, "config.json");
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, "utf8")))));
  return folder;
}

/** A copy of a fixture with another header of its weights. */
function withHeader(name: string, change: (header: Record<string, Entry>) => void): string {
  const folder = temporaryFolder();
  cpSync(checkpointFolder(name), folder, { recursive: true });
  const path = join(folder, "model.safetensors");
  const file = readFileSync(path);
  const length = Number(file.readBigUInt64LE());
  const header = JSON.parse(file.subarray(8, 8 + length).toString());
  change(header);
  const json = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(path, Buffer.concat([start, json, file.subarray(8 + length)]));
  return folder;
}

const load = (folder: string) => core.AutoModelForMaskedLM.fromPretrained(folder);
const encoder = "modernbert-mlm";

describe("a configuration out of range is refused with file and key", () => {
  test.each<[string, Json, string]>([
    ["no layers", { num_hidden_layers: 0 }, "num_hidden_layers in FILE is 0. It has to be a whole number from 1 on."],
    [
      "half a head",
      { num_attention_heads: 3 },
      "num_attention_heads in FILE is 3. It has to be such that a head has a multiple of 8 channels up to 256, not 5.333333333333333.",
    ],
    [
      "a text for a number",
      { hidden_size: "16" },
      'hidden_size in FILE is "16". It has to be a whole number from 1 on.',
    ],
    ["a negative eps", { norm_eps: -1 }, "norm_eps in FILE is -1. It has to be a number above 0."],
    ["a dropout of 1", { mlp_dropout: 1 }, "mlp_dropout in FILE is 1. It has to be a number from 0 to below 1."],
    [
      "an unknown activation",
      { hidden_activation: "mish" },
      'hidden_activation in FILE is "mish". It has to be one of "gelu", ',
    ],
    [
      "an unknown pooling",
      { classifier_pooling: "max" },
      'classifier_pooling in FILE is "max". It has to be one of "cls", "mean".',
    ],
    [
      "too few layer types",
      { layer_types: ["full_attention"] },
      'layer_types in FILE is ["full_attention"]. It has to be a list of num_hidden_layers = 4 entries, not 1.',
    ],
    ["unknown layer types", { layer_types: Array(4).fill("linear") }, "layer_types in FILE is"],
    ["no window", { local_attention: 1 }, "sliding_window in FILE is 0. It has to be a whole number from 1 on."],
    [
      "a rotary scaling that is not made here",
      { rope_parameters: { full_attention: { rope_type: "yarn", rope_theta: 1e4 } } },
      'rope_parameters.full_attention.rope_type in FILE is "yarn". It has to be "default", "linear" or "llama3".',
    ],
    [
      "a scaling without its factor",
      { rope_parameters: { full_attention: { rope_type: "linear", rope_theta: 1e4 } } },
      "rope_parameters.full_attention.factor in FILE is absent. It has to be a number above 0.",
    ],
    [
      "a base of 0",
      { rope_parameters: { sliding_attention: { rope_theta: 0 } } },
      "rope_parameters.sliding_attention.rope_theta in FILE is 0.",
    ],
    [
      "rope_parameters that are no object",
      { rope_parameters: [1] },
      "rope_parameters in FILE is [1]. It has to be an object.",
    ],
    ["labels without numbers", { id2label: { yes: "a", no: "b" } }, "id2label in FILE is"],
    ["an unknown dtype", { dtype: "int8" }, 'dtype in FILE is "int8". It has to be one of float32, bfloat16, float16.'],
    ["an unknown problem", { problem_type: "ranking" }, 'problem_type in FILE is "ranking".'],
    ["a fraction for an id", { pad_token_id: 0.5 }, "pad_token_id in FILE is 0.5. It has to be a token id or null."],
    ["an unknown kind", { model_type: "t5" }, 'model_type in FILE is "t5". This class knows "modernbert", "bert".'],
    ["no kind", { model_type: undefined }, "model_type in FILE is undefined."],
  ])("%s", async (_, change, message) => {
    const folder = withConfig(encoder, (config) => ({ ...config, ...change }));
    await expect(load(folder)).rejects.toThrow(message.replace("FILE", join(folder, "config.json")));
  });

  test.each<[string, string, Json, string]>([
    [
      "BERT with other positions",
      "bert-mlm",
      { position_embedding_type: "relative_key" },
      'position_embedding_type in FILE is "relative_key". It has to be one of "absolute".',
    ],
    ["BERT as a decoder", "bert-mlm", { is_decoder: true }, "is_decoder in FILE is true. It has to be false."],
  ])("%s", async (_, name, change, message) => {
    const folder = withConfig(name, (config) => ({ ...config, ...change }));
    await expect(load(folder)).rejects.toThrow(message.replace("FILE", join(folder, "config.json")));
  });

  test("Llama with heads that do not share keys evenly", async () => {
    const folder = withConfig("llama", (config) => ({ ...config, num_key_value_heads: 3 }));
    await expect(core.AutoModelForCausalLM.fromPretrained(folder)).rejects.toThrow(
      `num_key_value_heads in ${join(folder, "config.json")} is 3. It has to be a divisor of num_attention_heads = 4.`,
    );
  });

  test("a configuration of another kind than the class", async () => {
    const folder = checkpointFolder("bert-mlm");
    await expect(core.ModernBertModel.fromPretrained(folder)).rejects.toThrow(
      `[fromPretrained] model_type in ${join(folder, "config.json")} is "bert", but this class reads "modernbert". Use AutoModel`,
    );
  });
});

describe("weights that contradict the configuration are refused with tensor, file and keys", () => {
  test.each<[string, Json, string]>([
    [
      "another width",
      { hidden_size: 32 },
      "model.embeddings.tok_embeddings.weight in WEIGHTS is [64, 16], but config.json makes it [64, 32] (vocab_size 64, hidden_size 32)",
    ],
    [
      "another vocabulary",
      { vocab_size: 65 },
      "model.embeddings.tok_embeddings.weight in WEIGHTS is [64, 16], but config.json makes it [65, 16] (vocab_size 65, hidden_size 16)",
    ],
    [
      "another MLP",
      { intermediate_size: 32 },
      "model.layers.0.mlp.Wi.weight in WEIGHTS is [48, 16], but config.json makes it [64, 16] (num_hidden_layers 4, hidden_size 16, intermediate_size 32)",
    ],
    [
      "more layers than the file",
      { num_hidden_layers: 5, layer_types: undefined },
      "the weights in FOLDER lack model.layers.4.attn_norm.weight [16], which config.json asks for (num_hidden_layers 5, hidden_size 16)",
    ],
    [
      "fewer layers than the file",
      { num_hidden_layers: 3, layer_types: undefined },
      "WEIGHTS has model.layers.3.attn.Wo.weight [16, 16], for which config.json has no place (num_hidden_layers 3, hidden_size 16)",
    ],
    [
      "biases that the file lacks",
      { attention_bias: true },
      "the weights in FOLDER lack model.layers.0.attn.Wqkv.bias [48], which config.json asks for (num_hidden_layers 4, attention_bias true)",
    ],
  ])("%s", async (_, change, message) => {
    const folder = withConfig(encoder, (config) => ({ ...config, ...change }));
    const expected = message.replace("WEIGHTS", join(folder, "model.safetensors")).replace("FOLDER", folder);
    await expect(load(folder)).rejects.toThrow(expected);
  });

  test("biases that the configuration denies", async () => {
    const folder = withConfig("modernbert-mlm-untied-biases-old-keys", (config) => ({ ...config, mlp_bias: false }));
    await expect(load(folder)).rejects.toThrow(
      `${join(folder, "model.safetensors")} has model.layers.0.mlp.Wi.bias [48], for which config.json has no place (num_hidden_layers 4, mlp_bias false)`,
    );
  });

  test("whole numbers for weights", async () => {
    const folder = withHeader(encoder, (header) => {
      header["model.final_norm.weight"]!.dtype = "I32";
    });
    await expect(load(folder)).rejects.toThrow(
      `${join(folder, "model.safetensors")}: tensor "model.final_norm.weight" is I32 [16], but float32 is needed`,
    );
  });

  test("a tensor under another name", async () => {
    const folder = withHeader(encoder, (header) => {
      header["model.last_norm.weight"] = header["model.final_norm.weight"]!;
      delete header["model.final_norm.weight"];
    });
    await expect(load(folder)).rejects.toThrow(
      `[fromPretrained] the weights in ${folder} lack model.final_norm.weight [16], which config.json asks for`,
    );
  });

  test("a classifier with another number of labels, unless it is to be drawn anew", async () => {
    const folder = checkpointFolder("modernbert-sequence-mean");
    const options = { config: { id2label: ["a", "b", "c", "d"] } };
    const load = (more = {}) =>
      core.ModernBertForSequenceClassification.fromPretrained(folder, { ...options, ...more });
    await expect(load()).rejects.toThrow(
      `classifier.weight in ${join(folder, "model.safetensors")} is [3, 16], but config.json makes it [4, 16]`,
    );
    const model = await load({ ignoreMismatchedSizes: true, onNotice: () => {} });
    expect(model.loadReport.missing).toEqual(["classifier.weight", "classifier.bias"]);
    expect(model.config.id2label.length).toBe(4);
    model.dispose();
  });
});

describe("files", () => {
  test("no config.json", async () => {
    const folder = temporaryFolder();
    await expect(load(folder)).rejects.toThrow(
      `[fromPretrained] ${folder} has no config.json. Pass the folder of a saved model.`,
    );
  });

  test.each([
    ["broken JSON", "{", "is not JSON: "],
    ["a list", "[]", "is not a JSON object"],
  ])("%s", async (_, text, message) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "config.json"), text);
    await expect(load(folder)).rejects.toThrow(`[fromPretrained] ${join(folder, "config.json")} ${message}`);
  });

  test("no weights", async () => {
    const folder = temporaryFolder();
    cpSync(join(checkpointFolder(encoder), "config.json"), join(folder, "config.json"));
    await expect(load(folder)).rejects.toThrow(`${folder} has neither model.safetensors`);
  });
});

describe("batches", () => {
  const batch = (tokens: number[], offsets: number[], tokenTypes?: number[]) => ({
    tokens: Int32Array.from(tokens),
    offsets: Int32Array.from(offsets),
    ...(tokenTypes && { tokenTypes: Int32Array.from(tokenTypes) }),
  });

  test.each<[string, string, () => core.PackedTokens, string]>([
    [
      "a text longer than a rotary model",
      encoder,
      () => core.packTokens([[1], Array(65).fill(1)]),
      "[ModernBertModel] sequence 1 has 65 tokens, but the model takes 64. Cut it: encode with truncation and maxLength: 64.",
    ],
    [
      "a text longer than a table of positions",
      "bert-mlm",
      () => core.packTokens([Array(33).fill(1)]),
      "[BertModel] sequence 0 has 33 tokens, but the model takes 32.",
    ],
    [
      "an id outside the vocabulary",
      encoder,
      () => core.packTokens([[1, 64]]),
      "id 64 at place 1 is not in the vocabulary, which has 64 entries. Use the tokenizer that belongs to the model.",
    ],
    ["a negative id", encoder, () => core.packTokens([[-1]]), "id -1 at place 0 is not in the vocabulary"],
    [
      "offsets of another batch",
      encoder,
      () => batch([1, 2], [0, 3]),
      "offsets go from 0 to 3, but there are 2 tokens.",
    ],
    ["offsets that fall", encoder, () => batch([1, 2], [0, 2, 1, 2]), "offsets fall at sequence 1."],
    [
      "a token type outside the table",
      "bert-mlm",
      () => batch([1, 2], [0, 2], [0, 2]),
      "id 2 at place 1 is not in the table of token types, which has 2 entries.",
    ],
    ["too few token types", "bert-mlm", () => batch([1, 2], [0, 2], [0]), "1 tokenTypes for 2 tokens."],
  ])("%s", async (_, name, make, message) => {
    const model = await core.AutoModelForMaskedLM.fromPretrained(checkpointFolder(name));
    expect(() => core.tensorScope(() => model.forward(make()))).toThrow(message);
    model.dispose();
  });

  test("targets outside the batch or the vocabulary, or none", async () => {
    const model = await core.AutoModelForMaskedLM.fromPretrained(checkpointFolder(encoder));
    const loss = (rows: number[], ids: number[]) => () =>
      core.tensorScope(() =>
        model.loss(core.packTokens([[1, 2]]), { rows: Int32Array.from(rows), ids: Int32Array.from(ids) }),
      );
    expect(loss([2], [0])).toThrow("row 2 of target 0 is not in the batch of 2 tokens");
    expect(loss([0], [64])).toThrow("id 64 at place 0 is not in the targets' classes, which has 64 entries");
    expect(loss([0, 1], [0])).toThrow("2 rows but 1 ids");
    expect(loss([], [])).toThrow("there are no targets");
    model.dispose();
  });

  test("labels that do not fit", async () => {
    const model = await core.ModernBertForSequenceClassification.fromPretrained(
      checkpointFolder("modernbert-sequence-mean"),
    );
    const loss = (texts: number[][], labels: number[]) => () =>
      core.tensorScope(() => model.loss(core.packTokens(texts), labels));
    expect(loss([[1]], [3])).toThrow("label 3 of text 0 is not one of 3. Labels are whole numbers from 0 to 2");
    expect(loss([[1]], [0, 1])).toThrow("2 labels for 1 texts");
    expect(loss([[1], []], [0, 1])).toThrow("text 1 has no tokens");
    model.dispose();
  });

  test("a cache given to an encoder", async () => {
    const model = await core.AutoModel.fromPretrained(checkpointFolder(encoder));
    const cache = { longest: 0 } as core.AttentionCache;
    expect(() => model.forward(core.packTokens([[1]]), { cache })).toThrow(
      "a cache was given, but an encoder's tokens",
    );
    model.dispose();
  });
});
