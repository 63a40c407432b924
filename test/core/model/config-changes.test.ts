/** What a caller may ask of a configuration and of loading, by name. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  BertForSequenceClassification,
  type FromPretrainedOptions,
  LlamaForCausalLM,
  ModernBertForMaskedLM,
  ModernBertForSequenceClassification,
} from "@ettin/core";
import { describe, expect, test } from "vitest";
import { checkpointFolder } from "../../support/checkpoint.ts";
import { temporaryFolder } from "../../support/folder.ts";

const small = { vocabSize: 64, hiddenSize: 32, intermediateSize: 48, numHiddenLayers: 1, numAttentionHeads: 2 };

describe("a field that there is not is an error with the nearest that there is", () => {
  test.each<[string, () => unknown, string]>([
    [
      "ModernBERT",
      () => ModernBertForMaskedLM.fromConfig({ numHiddenLayer: 1 } as never),
      "[fromConfig] a modernbert configuration has no field numHiddenLayer. The nearest is numHiddenLayers.",
    ],
    [
      "as in a file",
      () => ModernBertForMaskedLM.fromConfig({ hidden_size: 32 } as never),
      "no field hidden_size. The nearest is hiddenSize.",
    ],
    [
      "BERT",
      () => BertForSequenceClassification.fromConfig({ normEps: 1 } as never),
      "a bert configuration has no field normEps. The nearest is layerNormEps.",
    ],
    [
      "Llama",
      () => LlamaForCausalLM.fromConfig({ numKvHeads: 1 } as never),
      "a llama configuration has no field numKvHeads. The nearest is num",
    ],
    [
      "Auto",
      () => AutoModelForMaskedLM.fromConfig({ modelType: "bert", hiddenSizes: 8 } as never),
      "a bert configuration has no field hiddenSizes",
    ],
    [
      "an option",
      () => ModernBertForMaskedLM.fromConfig(small, { Seed: 1 } as never),
      "[fromConfig] there is no option Seed. The nearest is seed.",
    ],
  ])("%s", (_, make, message) => {
    expect(make).toThrow(message);
  });

  const folder = checkpointFolder("modernbert-mlm");
  test.each<[object, string]>([
    [{ torchDtype: "float32" }, "[fromPretrained] there is no option torchDtype. The nearest is dtype."],
    [{ torch_dtype: "float32" }, "there is no option torch_dtype. The nearest is dtype."],
    [{ ignoreMismatchedSize: true }, "The nearest is ignoreMismatchedSizes."],
    [{ config: { layerType: [] } }, "a modernbert configuration has no field layerType. The nearest is layerTypes."],
  ])("of loading: %j", async (options, message) => {
    await expect(AutoModelForMaskedLM.fromPretrained(folder, options as FromPretrainedOptions)).rejects.toThrow(
      message,
    );
    await expect(ModernBertForMaskedLM.fromPretrained(folder, options as never)).rejects.toThrow(message);
  });

  test("not in a file, which may have keys that nobody reads here", async () => {
    const to = join(temporaryFolder(), "own");
    mkdirSync(to);
    for (const name of ["config.json", "model.safetensors"])
      writeFileSync(join(to, name), readFileSync(join(folder, name)));
    const json = JSON.parse(readFileSync(join(to, "config.json"), "utf8"));
    writeFileSync(join(to, "config.json"), JSON.stringify({ ...json, num_hidden_layer: 9 }));
    const model = await AutoModelForMaskedLM.fromPretrained(to);
    expect(model.config.extra).toMatchObject({ num_hidden_layer: 9 });
    model.dispose();
  });
});

describe("numLabels", () => {
  const labels = (config: object) => {
    const model = ModernBertForSequenceClassification.fromConfig({ ...small, ...config });
    model.dispose();
    return model.config.id2label;
  };

  test("gives labels without names, and leaves names of as many", () => {
    expect(labels({ numLabels: 3 })).toEqual(["LABEL_0", "LABEL_1", "LABEL_2"]);
    expect(labels({ numLabels: 2, id2label: ["no", "yes"] })).toEqual(["no", "yes"]);
    expect(() => labels({ numLabels: 3, id2label: ["no", "yes"] })).toThrow("numLabels is 3, but id2label has 2");
    expect(() => labels({ numLabels: 0 })).toThrow("numLabels is 0");
  });

  test("stands over what a file says", async () => {
    const folder = checkpointFolder("modernbert-sequence-mean");
    const options = { config: { numLabels: 7 }, ignoreMismatchedSizes: true, onNotice: () => {} };
    const model = await AutoModelForSequenceClassification.fromPretrained(folder, options);
    expect(model.config.id2label).toHaveLength(7);
    expect(model.namedParameters.get("classifier.weight")!.shape[0]).toBe(7);
    model.dispose();
  });
});

describe("ids of tokens that a vocabulary does not have", () => {
  test("are none by default, so that Python makes the table", async () => {
    const folder = join(temporaryFolder(), "small-vocabulary");
    const model = ModernBertForMaskedLM.fromConfig(small);
    expect(model.config).toMatchObject({ padTokenId: null, clsTokenId: null, eosTokenId: null });
    await model.savePretrained(folder);
    model.dispose();
    const json = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
    expect(json).toMatchObject({ vocab_size: 64, pad_token_id: null, cls_token_id: null, eos_token_id: null });
    const again = await ModernBertForMaskedLM.fromPretrained(folder);
    expect(again.config.padTokenId).toBeNull();
    again.dispose();
  });

  test("that are given stay, and a padding id outside is an error", () => {
    const model = ModernBertForMaskedLM.fromConfig({ ...small, padTokenId: 63, sepTokenId: 2 });
    expect(model.config).toMatchObject({ padTokenId: 63, sepTokenId: 2, clsTokenId: null });
    model.dispose();
    expect(() => ModernBertForMaskedLM.fromConfig({ ...small, padTokenId: 64 })).toThrow(
      "[fromConfig] padTokenId is 64, but the vocabulary has 64 tokens. Give an id below 64",
    );
  });

  test("are Ettin's where the vocabulary has them", () => {
    const model = ModernBertForMaskedLM.fromConfig({ ...small, vocabSize: 50368 });
    expect(model.config).toMatchObject({ padTokenId: 50283, clsTokenId: 50281, sepTokenId: 50282 });
    model.dispose();
  });
});
