import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SentenceTransformer } from "@ettin/dense";
import { afterAll, describe, expect, test } from "vitest";
import { DENSE, expectRows, facts, openModel } from "../../support/dense-fixture.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { writeSafetensors } from "../../support/safetensors.ts";
import { tinyModelFolder } from "../../support/tiny-encoder.ts";

const root = temporaryFolder();
const causal = await tinyModelFolder({ causal: true });
let count = 0;

/** A copy of the model with version 6's files, and what a test does to it. */
function damaged(change: (folder: string) => void): string {
  const folder = join(root, String(count++));
  cpSync(join(DENSE, "model"), folder, { recursive: true });
  change(folder);
  return folder;
}

const without = (...names: string[]) =>
  damaged((folder) => {
    for (const name of names) rmSync(join(folder, name), { recursive: true });
  });

const withJson = (name: string, change: (json: Record<string, unknown>) => unknown) =>
  damaged((folder) => {
    const file = join(folder, name);
    writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, "utf8")))));
  });

afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("what is missing has a default", () => {
  test("no modules.json: a transformer with mean pooling, and no prompts", async () => {
    const model = await openModel(without("modules.json"));
    expect(model.modules.map(({ className }) => className)).toEqual(["Transformer", "Pooling"]);
    expect(model.prompts).toEqual({ query: "", document: "" });
    const mean = facts.poolings.find(({ modes, includePrompt }) => modes === "mean" && includePrompt)!;
    expectRows(await model.encode(facts.texts, { prompt: mean.prompt }), mean.embeddings);
  });

  test("no config_sentence_transformers.json: cosine, and no prompts", async () => {
    const model = await openModel(without("config_sentence_transformers.json"));
    expect([model.similarityFnName, model.prompts]).toEqual(["cosine", { query: "", document: "" }]);
    expectRows(await model.encode(facts.texts), facts.embeddings);
  });

  test("no sentence_bert_config.json: the tokenizer's length", async () => {
    const model = await openModel(without("sentence_bert_config.json"));
    expect(model.maxSeqLength).toBe(24);
    expectRows(await model.encode(facts.texts), facts.embeddings);
  });

  test("no length anywhere: the model's positions", async () => {
    const folder = withJson("tokenizer_config.json", (json) => ({ ...json, model_max_length: 1e30 }));
    expect((await openModel(folder)).maxSeqLength).toBe(64);
  });

  test("another name of other times for the transformer's settings", async () => {
    const folder = damaged((at) => {
      rmSync(join(at, "sentence_bert_config.json"));
      writeFileSync(join(at, "sentence_roberta_config.json"), '{"max_seq_length": 9, "do_lower_case": false}');
    });
    expect((await openModel(folder)).maxSeqLength).toBe(9);
  });

  test("no folder of Normalize, which used to hold nothing", async () => {
    expectRows(await (await openModel(without("3_Normalize"))).encode(facts.texts), facts.embeddings);
  });

  test("an older pooling file without its last switches", async () => {
    const folder = withJson("1_Pooling/config.json", () => ({
      word_embedding_dimension: 16,
      pooling_mode_cls_token: false,
      pooling_mode_mean_tokens: true,
      pooling_mode_max_tokens: false,
      pooling_mode_mean_sqrt_len_tokens: false,
    }));
    expectRows(await (await openModel(folder)).encode(facts.texts), facts.embeddings);
  });

  test("a model saved as another kind gets a pooling of its own, and says so", async () => {
    const folder = withJson("config_sentence_transformers.json", (json) => ({ ...json, model_type: "SparseEncoder" }));
    const notices: string[] = [];
    const model = await openModel(folder, { onNotice: (text) => notices.push(text) });
    expect(model.modules.map(({ className }) => className)).toEqual(["Transformer", "Pooling"]);
    expect(notices.join()).toContain("was saved as SparseEncoder");
  });

  test("no modules.json: other settings of Sentence Transformers do not count either", async () => {
    const folder = damaged((at) => {
      rmSync(join(at, "modules.json"));
      writeFileSync(join(at, "sentence_bert_config.json"), '{"max_seq_length": 9, "transformer_task": "fill-mask"}');
    });
    expect((await openModel(folder)).maxSeqLength).toBe(24);
  });

  test("vectors of tokens alone, as model2vec writes them, are normalized where its file says so", async () => {
    const folder = join(root, "model2vec");
    mkdirSync(folder);
    const values = Float32Array.from({ length: 320 * 4 }, (_, i) => Math.sin(i));
    const header = { embeddings: { dtype: "F32", shape: [320, 4], data_offsets: [0, values.byteLength] } };
    writeSafetensors(join(folder, "model.safetensors"), header, new Uint8Array(values.buffer));
    cpSync(join(DENSE, "static/tokenizer.json"), join(folder, "tokenizer.json"));
    writeFileSync(join(folder, "config.json"), '{"model_type": "model2vec", "normalize": true}');
    const model = await openModel(folder);
    expect(model.modules.map(({ className }) => className)).toEqual(["StaticEmbedding", "Normalize"]);
    const { tokens } = model.tokenizeNow(["a"]);
    expect(tokens.length).toBe(1);
    const row = values.slice(4 * tokens[0]!, 4 * tokens[0]! + 4);
    expectRows([await model.encode("a")], [[...row].map((value) => value / Math.hypot(...row))]);
  });

  test("an activation that is not PyTorch's is Tanh, and says so", async () => {
    const folder = withJson("2_Dense/config.json", (json) => ({ ...json, activation_function: "evil.module.Run" }));
    const notices: string[] = [];
    const model = await openModel(folder, { onNotice: (text) => notices.push(text) });
    expectRows(await model.encode(facts.texts), facts.embeddings);
    expect(notices.join()).toContain('"evil.module.Run"');
  });

  test("is_causal false in a causal language model: mean pooling", async () => {
    const folder = join(root, "not-causal");
    cpSync(causal, folder, { recursive: true });
    const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
    writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, is_causal: false }));
    expect((await openModel(folder)).modules[1]).toMatchObject({ modes: ["mean"] });
  });
});

test("a length beyond the model's positions is cut there, and says so", async () => {
  const folder = withJson("sentence_bert_config.json", (json) => ({ ...json, max_seq_length: 512 }));
  const notices: string[] = [];
  const model = await openModel(folder, { onNotice: (text) => notices.push(text) });
  expect(model.maxSeqLength).toBe(64);
  expect(notices.join()).toContain("is 512, but the model has 64 positions");
});

test("a bare model with a chat template says that texts are encoded without it", async () => {
  const folder = without("modules.json");
  writeFileSync(join(folder, "chat_template.jinja"), "{{ messages[0].content }}");
  const notices: string[] = [];
  await openModel(folder, { onNotice: (text) => notices.push(text) });
  expect(notices.join()).toContain("has a chat template");
});

describe("settings of version 6 that would change embeddings are refused", () => {
  const settings = (change: object) => withJson("sentence_bert_config.json", (json) => ({ ...json, ...change }));
  const text = { method: "forward", method_output_name: "last_hidden_state" };
  test.each<[string, object, string]>([
    ["a length of queries", { query_length: 4 }, "query_length in"],
    ["a length of documents", { document_length: 6 }, "document_length in"],
    ["an expansion of queries", { query_expansion: { strategy: "fixed", length: 12 } }, "query_expansion in"],
    [
      "arguments of the tokenizer's calls",
      { processing_kwargs: { text: { max_length: 5 } } },
      "processing_kwargs.text in",
    ],
    [
      "texts as messages",
      { modality_config: { text, message: { ...text, format: "flat" } } },
      "modality_config.message",
    ],
    [
      "states of another layer",
      { modality_config: { text: { ...text, method_output_name: ["hidden_states", 1] } } },
      "modality_config.text",
    ],
    ["states under another name", { modality_config: { text }, module_output_name: "other" }, "module_output_name in"],
  ])("%s", async (_, change, message) => {
    await expect(SentenceTransformer.fromPretrained(settings(change))).rejects.toThrow(message);
  });
  test("what is empty or does not reach a text is not", async () => {
    const folder = settings({ query_length: null, unpad_inputs: false, processing_kwargs: { image: { size: 8 } } });
    expectRows(await (await openModel(folder)).encode(facts.texts), facts.embeddings);
  });
  test("a Llama that is not causal", async () => {
    const folder = damaged((at) => {
      writeFileSync(join(at, "config.json"), '{"model_type": "llama", "is_causal": false}');
    });
    await expect(SentenceTransformer.fromPretrained(folder)).rejects.toThrow("is_causal in");
  });
});

test("static embeddings cut texts where tokenizer.json says so, and keep it when they are saved", async () => {
  const folder = join(root, "static-cut");
  cpSync(join(DENSE, "static"), folder, { recursive: true });
  const file = join(folder, "tokenizer.json");
  const truncation = { direction: "Right", max_length: 4, strategy: "LongestFirst", stride: 0 };
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), truncation }));
  const [text] = facts.texts as [string];
  const whole = await openModel(join(DENSE, "static"));
  const model = await openModel(folder);
  expect(model.maxSeqLength).toBe(4);
  const first = [...whole.tokenizeNow([text]).tokens.slice(0, 4)];
  expect([...model.tokenizeNow([text]).tokens]).toEqual(first);
  const rows = (await whole.entries()[0]!.tensor.data()) as Float32Array;
  const mean = Array.from({ length: 8 }, (_, c) => first.reduce((sum, id) => sum + rows[8 * id + c]! / 4, 0));
  expectRows([await model.encode(text)], [mean]);
  await model.savePretrained(join(root, "static-cut-again"));
  expectRows([await (await openModel(join(root, "static-cut-again"))).encode(text)], [mean]);
});

test("a length that static embeddings are given is saved, and so is that there is none any more", async () => {
  const [text] = facts.texts as [string];
  const folder = join(root, "static-length");
  const model = await openModel(join(DENSE, "static"), { maxSeqLength: 4 });
  const cut = [...(await model.encode(text))];
  expect(model.tokenizeNow([text]).tokens.length).toBe(4);
  await model.savePretrained(folder);
  const again = await openModel(folder);
  expectRows([await again.encode(text)], [cut]);
  again.maxSeqLength = Number.POSITIVE_INFINITY;
  await again.savePretrained(folder);
  expectRows(await (await openModel(folder)).encode(facts.texts), facts.static);
});

test("a pooling for a model that has one is an error", async () => {
  const opening = SentenceTransformer.fromPretrained(join(DENSE, "model"), { poolingMode: "cls" });
  await expect(opening).rejects.toThrow("has modules of its own");
});

describe("prompts", () => {
  test("of the caller go before the file's, an empty one too", async () => {
    const model = await openModel(join(DENSE, "model"), { prompts: { query: "", other: "o: " } });
    expect(model.prompts).toEqual({ query: "", document: "", passage: "passage: ", other: "o: " });
  });
  test("a default that names none is an error", async () => {
    const folder = withJson("config_sentence_transformers.json", (json) => ({ ...json, default_prompt_name: "x" }));
    await expect(SentenceTransformer.fromPretrained(folder)).rejects.toThrow('there is no prompt named "x"');
  });
});

describe("what is damaged or hostile is named", () => {
  const moduleList = (change: (list: Record<string, unknown>[]) => unknown) =>
    withJson("modules.json", (json) => change(json as never));
  test.each<[string, () => string, string]>([
    ["a list without modules of its own", () => moduleList(() => []), "a list of 1 to 64 modules"],
    ["no weights of a module", () => without("2_Dense/model.safetensors"), "has neither model.safetensors"],
    ["no dimension", () => withJson("1_Pooling/config.json", () => ({})), "word_embedding_dimension is missing"],
    ["no pooling file", () => without("1_Pooling/config.json"), "1_Pooling/config.json: it cannot be read"],
    ["no tokenizer", () => without("tokenizer.json"), "has no tokenizer.json"],
    ["an unknown mode", () => withJson("1_Pooling/config.json", (j) => ({ ...j, pooling_mode: "best" })), '"best"'],
    [
      "weights of another shape",
      () => withJson("2_Dense/config.json", (j) => ({ ...j, out_features: 13 })),
      "have linear.weight [12, 16], but [13, 16] is needed",
    ],
    [
      "weights too many",
      () => withJson("2_Dense/config.json", (j) => ({ ...j, bias: false })),
      'have "linear.bias", for which there is no place',
    ],
    [
      "an unknown activation",
      () => withJson("2_Dense/config.json", (j) => ({ ...j, activation_function: "torch.nn.modules.activation.Best" })),
      'activation "Best" is unknown',
    ],
    [
      "a class that is not ours",
      () => moduleList((list) => [...list.slice(0, 3), { ...list[3], type: "some.where.Router" }]),
      'a module of class "some.where.Router"',
    ],
    ["a path out of the folder", () => moduleList((list) => [list[0], { ...list[1], path: "../x" }]), '"../x"'],
    ["an absolute path", () => moduleList((list) => [list[0], { ...list[1], path: "/etc" }]), '"/etc"'],
    [
      "a path of another system",
      () => moduleList((list) => [list[0], { ...list[1], path: "C:\\x" }]),
      "below the model",
    ],
    ["two modules in one place", () => moduleList((list) => [list[0], list[1], { ...list[1], idx: 2 }]), "two modules"],
    ["a list that is none", () => withJson("modules.json", () => ({})), "a list of 1 to 64 modules"],
    ["no input module", () => moduleList((list) => [{ ...list[1], idx: 0 }]), "its modules are Pooling"],
    [
      "a list that is no JSON",
      () => damaged((folder) => writeFileSync(join(folder, "modules.json"), "[{")),
      "modules.json: this is not JSON",
    ],
    [
      "prompts that are no texts",
      () => withJson("config_sentence_transformers.json", (j) => ({ ...j, prompts: { query: 3 } })),
      'prompt "query"',
    ],
    [
      "a length that is none",
      () => withJson("sentence_bert_config.json", () => ({ max_seq_length: -3 })),
      "max_seq_length in",
    ],
    [
      "another task",
      () => withJson("sentence_bert_config.json", (j) => ({ ...j, transformer_task: "fill-mask" })),
      'is "fill-mask"',
    ],
    ["a folder that is not there", () => join(root, "nowhere/at/all"), "is no folder"],
    [
      "a folder without a model",
      () => {
        mkdirSync(join(root, "empty"), { recursive: true });
        return join(root, "empty");
      },
      "[",
    ],
  ])("%s", async (_, folder, message) => {
    await expect(SentenceTransformer.fromPretrained(folder())).rejects.toThrow(message);
  });
});
