import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as core from "@ettin/core";
import { describe, expect, test } from "vitest";
import { checkpointFolder, readCase } from "../../support/checkpoint.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { read } from "../../support/read.ts";

type Json = Record<string, unknown>;

/** A copy of a fixture with some keys of its configuration replaced; undefined removes one. */
function withConfig(name: string, change: Json): string {
  const folder = temporaryFolder();
  cpSync(checkpointFolder(name), folder, { recursive: true });
  const file = join(folder, "config.json");
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), ...change }));
  return folder;
}

const old = {
  layer_types: undefined,
  rope_parameters: undefined,
  dtype: undefined,
  global_attn_every_n_layers: undefined,
  global_rope_theta: undefined,
  local_rope_theta: undefined,
};

async function configOf(name: string, change: Json): Promise<core.ModernBertConfig> {
  const model = await core.AutoModel.fromPretrained(withConfig(name, { ...old, ...change }));
  model.dispose();
  return model.config as core.ModernBertConfig;
}

const bases = ({ ropeParameters: { fullAttention, slidingAttention } }: core.ModernBertConfig) => [
  fullAttention.ropeTheta,
  slidingAttention.ropeTheta,
];

describe("the rotary bases of a file", () => {
  const rope = (full: number, sliding?: number) => ({
    rope_parameters: {
      full_attention: { rope_type: "default", rope_theta: full },
      ...(sliding && { sliding_attention: { rope_type: "default", rope_theta: sliding } }),
    },
  });
  test.each<[string, Json, [number, number]]>([
    ["no keys: 160,000 and 10,000", {}, [160000, 10000]],
    ["old keys", { global_rope_theta: 5000, local_rope_theta: 300 }, [5000, 300]],
    ["a null local base is the global one", { global_rope_theta: 5000, local_rope_theta: null }, [5000, 5000]],
    ["new keys", rope(7, 8), [7, 8]],
    ["new keys go before old ones", { ...rope(7, 8), global_rope_theta: 5000, local_rope_theta: 300 }, [7, 8]],
    ["an old key stands in for a new one that is absent", { ...rope(7), local_rope_theta: 300 }, [7, 300]],
  ])("%s", async (_, keys, expected) => {
    expect(bases(await configOf("modernbert-mlm", keys))).toEqual(expected);
    expect(bases(await configOf("modernbert-decoder", keys))).toEqual(expected);
  });
});

describe("which layers are global", () => {
  test.each<[string, Json, string]>([
    ["every third without keys", {}, "gllg"],
    ["every n-th", { global_attn_every_n_layers: 2 }, "glgl"],
    [
      "the list goes first",
      {
        layer_types: ["sliding_attention", "full_attention", "full_attention", "sliding_attention"],
        global_attn_every_n_layers: 2,
      },
      "lggl",
    ],
  ])("%s", async (_, keys, expected) => {
    const { layerTypes } = await configOf("modernbert-mlm", keys);
    expect(layerTypes.map((type) => (type === "full_attention" ? "g" : "l")).join("")).toBe(expected);
  });
});

describe("the window of local layers", () => {
  const windowOf = async (name: string, keys: Json) => {
    const folder = withConfig(name, { sliding_window: undefined, local_attention: undefined, ...keys });
    const model = await core.AutoModel.fromPretrained(folder);
    model.dispose();
    const { localAttention, slidingWindow } = model.config as core.ModernBertConfig;
    return { global: model.windowOf(0), local: model.windowOf(1), localAttention, slidingWindow };
  };
  test.each<[string, string, Json, readonly [number, number], number]>([
    ["an encoder sees half on each side", "modernbert-mlm", { local_attention: 8 }, [4, 4], 8],
    ["128 without keys", "modernbert-mlm", {}, [64, 64], 128],
    ["an odd window is rounded down", "modernbert-mlm", { local_attention: 9 }, [4, 4], 9],
    [
      "an encoder's sliding_window is half of it",
      "modernbert-mlm",
      { local_attention: 8, sliding_window: 3 },
      [3, 3],
      6,
    ],
    ["a decoder sees itself and one less than half before", "modernbert-decoder", { local_attention: 8 }, [3, 0], 8],
    ["a decoder's sliding_window counts", "modernbert-decoder", { local_attention: 8, sliding_window: 6 }, [5, 0], 12],
    ["an older decoder's file has no local_attention", "modernbert-decoder", { sliding_window: 64 }, [63, 0], 128],
  ])("%s", async (_, name, keys, window, total) => {
    const found = await windowOf(name, keys);
    expect(found.global).toBeNull();
    expect(found.local).toEqual(window);
    expect(found.localAttention).toBe(total);
  });
});

test("other keys: eps is norm_eps, a null cutoff and a null padding id stay null", async () => {
  const config = await configOf("modernbert-mlm", {
    layer_norm_eps: 1,
    initializer_cutoff_factor: null,
    pad_token_id: null,
  });
  expect(config).toMatchObject({ normEps: 1e-5, initializerCutoffFactor: null, padTokenId: null });
  expect(config.extra).toMatchObject({ layer_norm_eps: 1 });
});

describe("dtype", () => {
  const dtypeOf = async (keys: Json, options = {}) => {
    const folder = withConfig("modernbert-mlm", { dtype: undefined, torch_dtype: undefined, ...keys });
    const model = await core.AutoModel.fromPretrained(folder, options);
    model.dispose();
    return [model.parameters().every(({ dtype }) => dtype === model.parameters()[0]!.dtype), model.computeDtype];
  };
  test.each<[string, Json, object, string]>([
    ["the file's without keys", {}, {}, "float32"],
    ["the configuration's", { dtype: "bfloat16" }, {}, "bfloat16"],
    ["by its old key", { torch_dtype: "bfloat16" }, {}, "bfloat16"],
    ["the new key goes first", { torch_dtype: "bfloat16", dtype: "float32" }, {}, "float32"],
    ["float16 becomes float32", { dtype: "float16" }, {}, "float32"],
    ["the caller's", { dtype: "float32" }, { dtype: "bfloat16" }, "bfloat16"],
  ])("%s", async (_, keys, options, expected) => {
    expect(await dtypeOf(keys, options)).toEqual([true, expected]);
  });

  test("another is refused", async () => {
    const options = { dtype: "float64" as "float32" };
    await expect(core.AutoModel.fromPretrained(checkpointFolder("modernbert-mlm"), options)).rejects.toThrow(
      '[fromPretrained] dtype is "float64". Use "auto", "float32" or "bfloat16".',
    );
  });
});

describe("tied tables", () => {
  const { texts } = readCase("modernbert-mlm");
  /** The fixture with a projection of its own beside the table, or in its place. */
  async function withDecoder(options: { same: boolean; table?: boolean }): Promise<string> {
    const [folder, to] = [checkpointFolder("modernbert-mlm"), temporaryFolder()];
    cpSync(folder, to, { recursive: true });
    const stored = await core.openWeights(folder);
    const weights = [...stored].map(([name, tensor]) => ({ name, x: core.loadStored(tensor, { dtype: "float32" }) }));
    const name = "model.embeddings.tok_embeddings.weight";
    const { x: table } = weights.find((weight) => weight.name === name)!;
    const decoder = { name: "decoder.weight", x: options.same ? table.add(0) : table.mul(0.5) };
    const kept = weights.filter((weight) => options.table !== false || weight.name !== name);
    await core.saveWeights(
      to,
      [...kept, decoder].map(({ name, x }) => core.storedWeight(name, x)),
    );
    for (const { x } of [...weights, decoder]) x.dispose();
    return to;
  }
  const logits = (model: core.MaskedLM) => read(() => core.noGrad(() => model.forward(core.packTokens(texts))));

  test("two equal ones are one, and only the projection serves for both", async () => {
    const plain = await core.AutoModelForMaskedLM.fromPretrained(checkpointFolder("modernbert-mlm"));
    for (const options of [{ same: true }, { same: true, table: false }]) {
      const model = await core.AutoModelForMaskedLM.fromPretrained(await withDecoder(options));
      expect(model.parameters().length).toBe(plain.parameters().length);
      expect(model.loadReport).toEqual({ missing: [], unexpected: [], notices: [] });
      expect(await logits(model)).toEqual(await logits(plain));
      model.dispose();
    }
    plain.dispose();
  });

  test("two different ones stay apart, with a notice, and are saved apart", async () => {
    const notices: string[] = [];
    const folder = await withDecoder({ same: false });
    const options = { onNotice: (notice: string) => notices.push(notice) };
    const model = await core.AutoModelForMaskedLM.fromPretrained(folder, options);
    expect(notices).toEqual([
      "decoder.weight and the embedding table differ in the file, so they are not tied, though the configuration says so.",
    ]);
    expect(model.config.tieWordEmbeddings).toBe(false);
    const to = temporaryFolder();
    await model.savePretrained(to);
    const again = await core.AutoModelForMaskedLM.fromPretrained(to);
    expect(again.loadReport.notices).toEqual([]);
    expect(await logits(again)).toEqual(await logits(model));
    model.dispose();
    again.dispose();
  });
});

test("old names of BERT's norms are read, and tensors that carry nothing are passed over", async () => {
  const [folder, to] = [checkpointFolder("bert-mlm"), temporaryFolder()];
  cpSync(folder, to, { recursive: true });
  const old = (name: string) =>
    name.replace(/LayerNorm\.weight$/, "LayerNorm.gamma").replace(/LayerNorm\.bias$/, "LayerNorm.beta");
  const weights = [...(await core.openWeights(folder))].map(([name, tensor]) => ({
    name: old(name),
    x: core.loadStored(tensor, { dtype: "float32" }),
  }));
  const positions = core.Tensor.from(
    Int32Array.from({ length: 32 }, (_, i) => i),
    { shape: [1, 32] },
  );
  const all = [...weights, { name: "bert.embeddings.position_ids", x: positions }];
  await core.saveWeights(
    to,
    all.map(({ name, x }) => core.storedWeight(name, x)),
  );
  for (const { x } of all) x.dispose();
  const [model, plain] = [
    await core.BertForMaskedLM.fromPretrained(to),
    await core.BertForMaskedLM.fromPretrained(folder),
  ];
  expect(model.loadReport).toEqual({ missing: [], unexpected: [], notices: [] });
  const logits = (of: core.BertForMaskedLM) =>
    read(() => core.noGrad(() => of.forward(core.packTokens(readCase("bert-mlm").texts))));
  expect(await logits(model)).toEqual(await logits(plain));
  model.dispose();
  plain.dispose();
});

test("problem_type is decided by the first labels, and saved", async () => {
  const [folder, to] = [checkpointFolder("modernbert-sequence-mean"), temporaryFolder()];
  const model = await core.AutoModelForSequenceClassification.fromPretrained(folder);
  expect(model.config.problemType).toBeNull();
  core.tensorScope(() => model.loss(core.packTokens([[1], [2]]), [2, 0]));
  await model.savePretrained(to);
  expect(JSON.parse(readFileSync(join(to, "config.json"), "utf8")).problem_type).toBe("single_label_classification");
  model.dispose();
});
