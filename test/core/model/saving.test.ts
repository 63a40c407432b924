import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as core from "@ettin/core";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { checkpointFolder, checkpointNames, readCase, readFloats } from "../../support/checkpoint.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { startHub } from "../../support/hub-server.ts";
import { read } from "../../support/read.ts";

type Model = core.LanguageModel | core.SequenceClassifier | core.TokenClassifier;
type Loads<M> = { fromPretrained(folder: string, options?: object): Promise<M> };
const classes = core as unknown as Record<string, Loads<Model>>;

const json = (folder: string, name = "config.json") => JSON.parse(readFileSync(join(folder, name), "utf8"));
const logitsOf = (model: Model, texts: readonly (readonly number[])[]) =>
  read(() => core.noGrad(() => model.forward(core.packTokens(texts))));

/** All tensors of a folder, of its shards too. */
const weightsOf = (folder: string) =>
  new Map(
    readdirSync(folder)
      .filter((name) => /^model.*\.safetensors$/.test(name))
      .flatMap((name) => [...readFloats(join(folder, name))]),
  );

describe.each(checkpointNames)("%s", (name) => {
  const { class: className, texts } = readCase(name);

  test("is saved with the tensors and the settings that transformers saved, and loads to the same bits", async () => {
    const from = checkpointFolder(name);
    const to = temporaryFolder();
    const model = await classes[className]!.fromPretrained(from);
    await model.savePretrained(to);
    expect(weightsOf(to)).toEqual(weightsOf(from));
    const again = await classes[className]!.fromPretrained(to);
    expect(again.config).toEqual({ ...model.config, dtype: "float32" });
    expect(await logitsOf(again, texts)).toEqual(await logitsOf(model, texts));
    expect(json(to).architectures).toEqual([className]);
    const before = json(from);
    // Two keys for one thing: the window that counts is written to both.
    if (before.sliding_window === 3) before.local_attention = 6;
    for (const [key, value] of Object.entries(before)) {
      if (key !== "transformers_version" && value !== null) expect(json(to), key).toHaveProperty(key, value);
    }
    model.dispose();
    again.dispose();
  });
});

test("a file has the keys of transformers 4 and 5 together, sorted, and a final newline", async () => {
  const to = temporaryFolder();
  const model = core.ModernBertDecoderForCausalLM.fromConfig({
    hiddenSize: 32,
    numAttentionHeads: 2,
    vocabSize: 40,
    numHiddenLayers: 4,
    intermediateSize: 16,
    bosTokenId: 7,
  });
  await model.savePretrained(to);
  const text = readFileSync(join(to, "config.json"), "utf8");
  const config = JSON.parse(text);
  const reals = /"(\w*(?:theta|factor|eps|dropout|range))": (\d+)(?=,?$)/gm;
  expect(text).toBe(`${JSON.stringify(config, null, 2).replace(reals, '"$1": $2.0')}\n`);
  expect(text).toContain('"initializer_cutoff_factor": 2.0'); // Python refuses 2 there
  expect(Object.keys(config)).toEqual(Object.keys(config).sort());
  expect(config).toMatchObject({
    dtype: "float32",
    torch_dtype: "float32",
    global_attn_every_n_layers: 3,
    global_rope_theta: 160000,
    local_rope_theta: 10000,
    layer_types: ["full_attention", "sliding_attention", "sliding_attention", "full_attention"],
    rope_parameters: {
      full_attention: { rope_theta: 160000, rope_type: "default" },
      sliding_attention: { rope_theta: 10000, rope_type: "default" },
    },
    local_attention: 128,
    sliding_window: 64,
    model_type: "modernbert-decoder",
  });
  expect(json(to, "generation_config.json")).toMatchObject({ _from_model_config: true, bos_token_id: 7 });
  expect(weightsOf(to).has("decoder.weight")).toBe(false);
  model.dispose();
});

test("unknown keys are kept and written back, and an encoder's file has no sliding_window", async () => {
  const [from, to] = [temporaryFolder(), temporaryFolder()];
  cpSync(checkpointFolder("modernbert-mlm"), from, { recursive: true });
  writeFileSync(join(from, "config.json"), JSON.stringify({ ...json(from), causal_mask: false, mine: { deep: [1] } }));
  const model = await core.ModernBertForMaskedLM.fromPretrained(from);
  await model.savePretrained(to);
  expect(json(to)).toMatchObject({ causal_mask: false, mine: { deep: [1] } });
  expect(json(to)).not.toHaveProperty("sliding_window");
  model.dispose();
});

test("shards hold what one file holds", async () => {
  const [whole, sharded] = [temporaryFolder(), temporaryFolder()];
  const model = await core.AutoModelForCausalLM.fromPretrained(checkpointFolder("modernbert-decoder"));
  await model.savePretrained(whole);
  await model.savePretrained(sharded, { maxShardSize: "15KB" });
  expect(readdirSync(sharded).filter((name) => name.endsWith(".safetensors")).length).toBeGreaterThan(1);
  expect(weightsOf(sharded)).toEqual(weightsOf(whole));
  const again = await core.AutoModelForCausalLM.fromPretrained(sharded);
  const { texts } = readCase("modernbert-decoder");
  expect(await logitsOf(again, texts)).toEqual(await logitsOf(model, texts));
  model.dispose();
  again.dispose();
});

test("the base model of a folder with a head, and a head on the folder of a base model", async () => {
  const folder = temporaryFolder();
  const base = await core.AutoModel.fromPretrained(checkpointFolder("modernbert-mlm"));
  expect(base).toBeInstanceOf(core.ModernBertModel);
  expect(base.loadReport.unexpected).toEqual(["decoder.bias", "head.dense.weight", "head.norm.weight"]);
  await base.savePretrained(folder);
  expect([...weightsOf(folder).keys()].every((name) => !name.startsWith("model."))).toBe(true);

  const notices: string[] = [];
  const options = { onNotice: (notice: string) => notices.push(notice), seed: 1 };
  const headed = await core.AutoModelForMaskedLM.fromPretrained(folder, options);
  expect(headed.loadReport.missing).toEqual(["head.dense.weight", "head.norm.weight", "decoder.bias"]);
  expect(notices).toEqual([
    `${folder} lacks head.dense.weight, head.norm.weight, decoder.bias: drawn at random, so train the model before you use it.`,
  ]);
  const { texts } = readCase("modernbert-mlm");
  const hidden = (model: core.BaseModel) => read(() => core.noGrad(() => model.forward(core.packTokens(texts))));
  expect(await hidden(headed.model)).toEqual(await hidden(base));
  base.dispose();
  headed.dispose();
});

test("where nobody takes notices, the process is warned of a head that is drawn and of one that is left out", async () => {
  const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  onTestFinished(() => warn.mockRestore());
  const folder = checkpointFolder("modernbert-mlm");
  const model = await core.AutoModelForSequenceClassification.fromPretrained(folder, { config: { numLabels: 3 } });
  expect(warn.mock.calls).toEqual([
    [expect.stringContaining(`${folder} lacks classifier.weight, classifier.bias: drawn at random`), "ModelLoading"],
    [`${folder} has decoder.bias, for which this kind of model has no place: left out.`, "ModelLoading"],
  ]);
  (await core.AutoModel.fromPretrained(folder)).dispose(); // which is to have no head
  expect(warn).toHaveBeenCalledTimes(2);
  model.dispose();
});

test("an encoder's folder loads as a decoder and the other way round, and comes back the same", async () => {
  const [decoderFolder, encoderFolder] = [temporaryFolder(), temporaryFolder()];
  const from = checkpointFolder("modernbert-mlm-untied-biases-old-keys");
  const decoder = await core.ModernBertDecoderForCausalLM.fromPretrained(from);
  expect(decoder.loadReport).toEqual({ missing: [], unexpected: [], notices: [] });
  expect(decoder.config).toMatchObject({ modelType: "modernbert-decoder", slidingWindow: 4, isCausal: true });
  await decoder.savePretrained(decoderFolder);
  const names = [...weightsOf(decoderFolder).keys()];
  expect(names).toContain("model.layers.0.attn.q_proj.weight");
  expect(names).toContain("lm_head.dense.weight");

  const encoder = await core.ModernBertForMaskedLM.fromPretrained(decoderFolder);
  await encoder.savePretrained(encoderFolder);
  expect(weightsOf(encoderFolder)).toEqual(weightsOf(from));
  const original = await core.ModernBertForMaskedLM.fromPretrained(from);
  const { texts } = readCase("modernbert-mlm");
  expect(await logitsOf(encoder, texts)).toEqual(await logitsOf(original, texts));
  for (const model of [decoder, encoder, original]) model.dispose();
});

test("a BERT that ties nothing has a bias of the decoder's own, which counts", async () => {
  const shape = { vocabSize: 8, hiddenSize: 8, intermediateSize: 8, numHiddenLayers: 1, numAttentionHeads: 1 };
  const untied = core.BertForMaskedLM.fromConfig({ ...shape, tieWordEmbeddings: false }, { seed: 1 });
  const before = await logitsOf(untied, [[3, 4]]);
  const parameters = untied.namedParameters;
  parameters.get("cls.predictions.bias")!.setValues(new Float32Array(8).fill(100));
  parameters.get("cls.predictions.decoder.bias")!.setValues(Float32Array.from({ length: 8 }, (_, i) => i));
  const folder = temporaryFolder();
  await untied.savePretrained(folder);
  const again = await core.BertForMaskedLM.fromPretrained(folder);
  for (const model of [untied, again]) {
    const after = await logitsOf(model, [[3, 4]]);
    for (const [i, value] of after.entries()) expect(value - before[i]!).toBeCloseTo(i % 8, 5);
    model.dispose();
  }
  const tied = core.BertForMaskedLM.fromConfig(shape, { seed: 1 });
  expect(tied.namedParameters.has("cls.predictions.decoder.bias")).toBe(false);
  tied.dispose();
});

test("bfloat16 weights are saved as bfloat16", async () => {
  const to = temporaryFolder();
  const model = await core.AutoModelForMaskedLM.fromPretrained(checkpointFolder("bert-mlm"), { dtype: "bfloat16" });
  await model.savePretrained(to);
  expect(json(to)).toMatchObject({ dtype: "bfloat16" });
  const auto = await core.AutoModelForMaskedLM.fromPretrained(to);
  expect(auto.parameters().map(({ dtype }) => dtype)).toContain("bfloat16");
  const { texts } = readCase("bert-mlm");
  expect(await logitsOf(auto, texts)).toEqual(await logitsOf(model, texts));
  model.dispose();
  auto.dispose();
});

test("a model of the hub loads by its name, at a revision", async () => {
  const hub = await startHub();
  const from = checkpointFolder("modernbert-decoder");
  const files = ["config.json", "model.safetensors"].map((name) => [name, readFileSync(join(from, name))] as const);
  hub.add("someone/tiny", Object.fromEntries(files), { revisions: new Set(["step10"]) });
  const cacheDir = temporaryFolder();
  const options = { revision: "step10", endpoint: hub.endpoint, cacheDir };
  const model = await core.AutoModelForCausalLM.fromPretrained("someone/tiny", options);
  const local = await core.ModernBertDecoderForCausalLM.fromPretrained(from);
  const { texts } = readCase("modernbert-decoder");
  expect(await logitsOf(model, texts)).toEqual(await logitsOf(local, texts));
  await expect(core.AutoModel.fromPretrained("someone/tiny", { ...options, revision: "step11" })).rejects.toThrow(
    "step11",
  );
  model.dispose();
  local.dispose();
});
