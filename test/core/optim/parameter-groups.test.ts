import { type NamedParameter, parameter, parameterGroups, Tensor } from "@ettin/core";
import { afterEach, describe, expect, test } from "vitest";

let made: Tensor[] = [];
afterEach(() => {
  for (const tensor of made) tensor.dispose();
  made = [];
});

const named = (name: string, shape: number[], parts?: string[]): NamedParameter => {
  const tensor = parameter(Tensor.zeros(shape));
  made.push(tensor);
  return { name, tensor, parts: parts?.map((part) => ({ name: part })) ?? null };
};

const parameters = () => [
  named("embeddings.weight", [5, 2]),
  named("layers.0.norm.weight", [2]),
  named("layers.0.qkv.weight", [6, 2], ["layers.0.q.weight", "layers.0.k.weight", "layers.0.v.weight"]),
  named("layers.0.qkv.bias", [6]),
  named("classifier.bias", [1, 2]),
];

const namesOf = (all: NamedParameter[], options: Parameters<typeof parameterGroups>[1]) =>
  parameterGroups(all, options).map(({ parameters, weightDecay, learningRate }) => ({
    names: [...parameters].map((tensor) => all.find((each) => each.tensor === tensor)!.name),
    weightDecay,
    ...(learningRate !== undefined && { learningRate }),
  }));

describe("parameter groups", () => {
  test("biases, norms and other vectors are not decayed; embeddings are", () => {
    expect(namesOf(parameters(), { weightDecay: 0.1 })).toEqual([
      { names: ["layers.0.norm.weight", "layers.0.qkv.bias", "classifier.bias"], weightDecay: 0 },
      { names: ["embeddings.weight", "layers.0.qkv.weight"], weightDecay: 0.1 },
    ]);
  });

  test("frozen parameters are in none", () => {
    const all = parameters();
    all[0]!.tensor.requiresGrad = false;
    expect(namesOf(all, { weightDecay: 0 })).toEqual([{ names: all.slice(1).map(({ name }) => name), weightDecay: 0 }]);
  });

  test("a pattern gives a rate of its own, the first that matches", () => {
    const learningRateMapping = { "classifier|embeddings": 0.5, bias$: 0.25 };
    expect(namesOf(parameters(), { weightDecay: 0.1, learningRateMapping })).toEqual([
      { names: ["layers.0.norm.weight"], weightDecay: 0 },
      { names: ["layers.0.qkv.weight"], weightDecay: 0.1 },
      { names: ["classifier.bias"], weightDecay: 0, learningRate: 0.5 },
      { names: ["embeddings.weight"], weightDecay: 0.1, learningRate: 0.5 },
      { names: ["layers.0.qkv.bias"], weightDecay: 0, learningRate: 0.25 },
    ]);
  });

  test("a pattern that finds a part of a fused parameter is refused", () => {
    const all = parameters();
    const decay = { weightDecay: 0 };
    expect(() => parameterGroups(all, { ...decay, learningRateMapping: { "\\.q\\.": 1 } })).toThrow(
      '"\\.q\\." finds layers.0.q.weight, but layers.0.qkv.weight is one parameter with layers.0.q.weight, layers.0.k.weight',
    );
    expect(namesOf(all, { ...decay, learningRateMapping: { "\\.[qkv]\\.": 1 } })[1]!.names).toEqual([
      "layers.0.qkv.weight",
    ]);
    expect(() => parameterGroups(all, { ...decay, learningRateMapping: { "(": 1 } })).toThrow(
      '[learningRateMapping] "(" is not a regular expression',
    );
  });
});
