import {
  BertForSequenceClassification,
  classify,
  embed,
  fillMask,
  ModernBertForMaskedLM,
  ModernBertForSequenceClassification,
  ModernBertForTokenClassification,
  noGrad,
  packTokens,
  type SequenceClassifier,
  softmax,
  Tokenizer,
} from "@ettin/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { read } from "../../support/read.ts";
import { BPE, open, WORD_PIECE } from "../../support/tokenizers.ts";

const small = {
  vocabSize: 4160,
  hiddenSize: 32,
  intermediateSize: 48,
  numHiddenLayers: 4,
  numAttentionHeads: 2,
  maxPositionEmbeddings: 32,
};

describe("fillMask", () => {
  test("gives the best tokens of each mask with their probabilities", async () => {
    const tokenizer = await open(BPE);
    const model = ModernBertForMaskedLM.fromConfig(small, { seed: 1 });
    const found = await fillMask(model, tokenizer, "The [MASK] sat on the [MASK].", { topK: 3 });
    expect(found.map((mask) => mask.length)).toEqual([3, 3]);

    const { ids } = tokenizer.encode("The [MASK] sat on the [MASK].");
    const maskId = tokenizer.tokenToId("[MASK]")!;
    const probabilities = await read(() => noGrad(() => softmax(model.forward(packTokens([ids])), 1)));
    for (const [i, row] of [...ids.keys()].filter((row) => ids[row] === maskId).entries()) {
      const scores = Array.from(probabilities.subarray(row * small.vocabSize, (row + 1) * small.vocabSize));
      const best = scores.map((score, id) => ({ score, id })).sort((a, b) => b.score - a.score || a.id - b.id);
      expect(found[i]!.map(({ score, id }) => ({ score, id }))).toEqual(best.slice(0, 3));
      expect(found[i]![0]!.token).toBe(tokenizer.decode([best[0]!.id]));
    }
    const [first] = found[0]!;
    expect(first!.text).toBe(
      tokenizer.decode(
        [...tokenizer.encode("The [MASK] sat on the [MASK].", { addSpecialTokens: false }).ids].map((id, i) =>
          i === 1 ? first!.id : id,
        ),
      ),
    );
    model.dispose();
  });

  test("a text without a mask is an error that shows the mask", async () => {
    const tokenizer = await open(BPE);
    const model = ModernBertForMaskedLM.fromConfig(small, { seed: 1 });
    await expect(fillMask(model, tokenizer, "The cat sat.")).rejects.toThrow(
      "[fillMask] the text has no mask. Write [MASK] where a token is to be found.",
    );
    const misspelt = { topk: 2 } as { topK?: number };
    await expect(fillMask(model, tokenizer, "The [MASK]", misspelt)).rejects.toThrow(
      "[fillMask] there is no option topk",
    );
    await expect(fillMask(model, tokenizer, "The [MASK]", { topK: 0 })).rejects.toThrow("[fillMask] topK is 0");
    model.dispose();
  });
});

describe("classify", () => {
  const texts = ["One.", "Two and more.", "Three, which is longer than the others."];
  const run = async (model: SequenceClassifier, folder = BPE) => {
    const tokenizer = await open(folder);
    const all = await classify(model, tokenizer, texts, { batchSize: 2 });
    model.dispose();
    return all.map((labels) => Object.fromEntries(labels.map(({ label, score }) => [label, score])));
  };
  const sum = (scores: Record<string, number>) => Object.values(scores).reduce((total, score) => total + score, 0);

  test("one label of many: probabilities that add up to 1, the best first", async () => {
    const model = ModernBertForSequenceClassification.fromConfig({ ...small, id2label: ["no", "maybe", "yes"] });
    const tokenizer = await open(BPE);
    const [first] = await classify(model, tokenizer, texts, { topK: 2 });
    expect(first!.length).toBe(2);
    expect(first![0]!.score).toBeGreaterThanOrEqual(first![1]!.score);
    for (const scores of await run(model)) {
      expect(Object.keys(scores).sort()).toEqual(["maybe", "no", "yes"]);
      expect(sum(scores)).toBeCloseTo(1, 5);
    }
  });

  test("several labels may hold: each has a probability of its own; regression gives the value", async () => {
    const seen = async (problemType: "multi_label_classification" | "regression") => {
      const config = { ...small, id2label: ["a", "b"], problemType };
      return run(ModernBertForSequenceClassification.fromConfig(config, { seed: 4 }));
    };
    const [probabilities, values] = [await seen("multi_label_classification"), await seen("regression")];
    for (const [i, scores] of probabilities.entries()) {
      expect(scores.a).toBeCloseTo(1 / (1 + Math.exp(-values[i]!.a!)), 6);
    }
  });

  test("pairs reach BERT with their token types", async () => {
    const tokenizer = await open(WORD_PIECE);
    const config = { ...small, vocabSize: tokenizer.vocabSize, id2label: ["no", "yes"] };
    const model = BertForSequenceClassification.fromConfig(config, { seed: 2 });
    const pair = ["one", "two"] as const;
    const [scores] = await classify(model, tokenizer, [pair]);
    const { ids, tokenTypes } = tokenizer.encode(...([pair[0], { pair: pair[1] }] as const));
    expect([...tokenTypes]).toContain(1);
    const alone = await read(() => noGrad(() => softmax(model.forward({ ...packTokens([ids]), tokenTypes }), 1)));
    expect(Object.fromEntries(scores!.map(({ label, score }) => [label, score]))).toEqual({
      no: alone[0],
      yes: alone[1],
    });
    model.dispose();
  });

  test("a text longer than the model is cut only where truncation asks for it", async () => {
    const tokenizer = await open(BPE);
    const model = ModernBertForSequenceClassification.fromConfig(small);
    const long = ["word ".repeat(200)];
    await expect(classify(model, tokenizer, long)).rejects.toThrow(/sequence 0 has \d+ tokens, but the model takes 32/);
    await expect(
      classify(model, tokenizer, long, { truncation: "longest_first", maxLength: 32 }),
    ).resolves.toHaveLength(1);
    model.dispose();
  });
});

test("embed gives the pooled hidden states, the same in any batch", async () => {
  const tokenizer = await open(BPE);
  const { model } = ModernBertForMaskedLM.fromConfig(small, { seed: 1 });
  const texts = ["One.", "Two and more.", "Three, which is longer than the others."];
  const [together, alone] = [await embed(model, tokenizer, texts), await embed(model, tokenizer, [texts[1]!])];
  expect(together[1]).toEqual(alone[0]);
  const { ids } = tokenizer.encode(texts[1]!);
  const hidden = await read(() => noGrad(() => model.forward(packTokens([ids]))));
  const mean = Array.from(
    { length: 32 },
    (_, d) => ids.reduce((sum, _, t) => sum + hidden[32 * t + d]!, 0) / ids.length,
  );
  together[1]!.forEach((value, d) => {
    expect(value).toBeCloseTo(mean[d]!, 5);
  });
  const [unit] = await embed(model, tokenizer, texts, { pooling: "cls", normalize: true });
  expect(Math.hypot(...unit!)).toBeCloseTo(1, 5);
  model.dispose();
});

describe("embed and classify", () => {
  const classifier = ModernBertForSequenceClassification.fromConfig({ ...small, id2label: ["no", "yes"] });
  const { model } = classifier;
  beforeAll(async () => void (await classify(classifier, await Tokenizer.fromFolder(BPE), "One."))); // what it keeps
  afterAll(() => classifier.dispose());
  const long = "word ".repeat(200);

  test("take one text and give one result", async () => {
    const tokenizer = await open(BPE);
    expect(await embed(model, tokenizer, "One.")).toEqual((await embed(model, tokenizer, ["One."]))[0]);
    expect(await classify(classifier, tokenizer, "One.")).toEqual((await classify(classifier, tokenizer, ["One."]))[0]);
    await expect(embed(model, tokenizer, undefined as never)).rejects.toThrow("[embed] the texts are a undefined");
  });

  test.each<[object, string]>([
    [{ batchSize: 0 }, "batchSize is 0. Give a whole number from 1 on."],
    [{ batchSize: Number.NaN }, "batchSize is NaN"],
    [{ batchSize: 1.5 }, "batchSize is 1.5"],
    [{ batchsize: 2 }, "there is no option batchsize. The nearest is batchSize."],
  ])("refuse %j", async (options, message) => {
    const tokenizer = await open(BPE);
    await expect(embed(model, tokenizer, ["One."], options)).rejects.toThrow(`[embed] ${message}`);
    await expect(classify(classifier, tokenizer, ["One."], options)).rejects.toThrow(`[classify] ${message}`);
  });

  test("refuse a pooling that there is not, and a number of labels that is none", async () => {
    const tokenizer = await open(BPE);
    await expect(embed(model, tokenizer, ["One."], { pooling: "max" as never })).rejects.toThrow(
      '[embed] pooling is "max". Use "mean", "cls" or "last".',
    );
    await expect(classify(classifier, tokenizer, ["One."], { topK: 0 })).rejects.toThrow("[classify] topK is 0");
  });

  test("cut to what the model takes where truncation names no length, and the tokenizer takes more", async () => {
    const tokenizer = await open(BPE);
    expect(tokenizer.modelMaxLength).toBeGreaterThan(small.maxPositionEmbeddings);
    const [cut, exact] = [
      { truncation: "longest_first" } as const,
      { truncation: "longest_first", maxLength: 32 } as const,
    ];
    expect(await embed(model, tokenizer, long, cut)).toEqual(await embed(model, tokenizer, long, exact));
    expect(await classify(classifier, tokenizer, long, cut)).toEqual(
      await classify(classifier, tokenizer, long, exact),
    );
  });

  test("of a model with a head embed what is below it", async () => {
    const tokenizer = await open(BPE);
    expect(await embed(classifier, tokenizer, "One.")).toEqual(await embed(model, tokenizer, "One."));
  });

  test("of tokens is no classification of texts", async () => {
    const tokenizer = await open(BPE);
    const tokens = ModernBertForTokenClassification.fromConfig({ ...small, id2label: ["no", "yes"] });
    await expect(classify(tokens as never, tokenizer, ["One."])).rejects.toThrow(
      "[classify] ModernBertForTokenClassification has no score per label for each text. Load it with AutoModelFor",
    );
    tokens.dispose();
  });
});
