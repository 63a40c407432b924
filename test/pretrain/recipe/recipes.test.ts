/** Every number of the recipes that come with the package, against the facts of the published configurations. */

import { namedConfigs } from "@ettin/core";
import { namedRecipes, readRecipe } from "@ettin/pretrain";
import { describe, expect, test } from "vitest";

/** What differs by size: columns 17m, 32m, 68m, 150m, 400m, 1b. */
const bySize = {
  peak: [3e-3, 3e-3, 3e-3, 8e-4, 5e-4, 5e-4],
  half: [1.5e-3, 1.5e-3, 1.5e-3, 4e-4, 2.5e-4, 2.5e-4],
  weightDecay: [3e-4, 3e-4, 3e-4, 1e-5, 1e-5, 5e-5],
  warmup: [4e9, 4e9, 3e9, 3e9, 2e9, 2e9],
  batchWarmup: [125e9, 100e9, 75e9, 50e9, 10e9, 3e9],
  microPretraining: [144, 128, 96, 72, 48, 24],
  microExtension: [24, 24, 18, 16, 6, 2],
  microDecay: [12, 12, 8, 12, 2, 2],
  microCross: [12, 12, 8, 12, 4, 2],
  extension: [250e9, 250e9, 250e9, 250e9, 250e9, 83_333_000_000],
  decay: [50e9, 50e9, 50e9, 50e9, 50e9, 16_666_666_667],
  crossWarmup: [3e9, 3e9, 3e9, 3e9, 3e9, 1e9],
  crossDecay: [10e9, 10e9, 10e9, 10e9, 10e9, 3_333_000_000],
  crossCheckpoint: [10e9, 10e9, 10e9, 10e9, 10e9, 3_333_333_333],
  // rotary bases of local layers; the global ones are 10,000 in pretraining and 160,000 after it
  localExtension: [10_000, 160_000, 160_000, 160_000, 160_000, 160_000],
  localDecayEncoder: [160_000, 160_000, 160_000, 160_000, 160_000, 160_000],
  localDecayDecoder: [10_000, 10_000, 10_000, 160_000, 10_000, 160_000],
};
const sizes = ["17m", "32m", "68m", "150m", "400m", "1b"];

const shared = {
  attentionOutputDropout: 0.1,
  shuffleSeed: 21,
  precision: "bf16",
  packing: false,
  maskRule: "collator",
  evalMaskProbability: 0.15,
  globalBatchSize: 4608,
  evalBatchSize: 1024,
  devices: 4,
};
const stable = { name: "stable_adamw", betas: [0.9, 0.98], eps: 1e-6, decoupled: true, maxGradNorm: 0 };

describe.each(sizes.map((size, i) => [size, i] as const))("the recipes of %s", (size, i) => {
  const of = (name: keyof typeof bySize) => bySize[name][i]!;

  test.each(["encoder", "decoder"] as const)("%s has three phases", async (kind) => {
    const encoder = kind === "encoder";
    const recipe = await readRecipe(`ettin-${kind}-${size}`);
    expect(recipe).toEqual({
      ...shared,
      name: `ettin-${kind}-${size}`,
      model: { config: `ettin-${kind}-${size}`, ...(encoder ? {} : { slidingWindow: 64 }) },
      startFrom: null,
      objective: encoder ? "mlm" : "clm",
      seed: 21,
      optimizer: { ...stable, weightDecay: of("weightDecay"), maxLearningRate: of("peak") },
      phases: [
        {
          name: "pretraining",
          data: "ettin_tokenized_data",
          revision: "step",
          tokens: 1.7e12,
          maxSeqLen: 1024,
          maskProbability: encoder ? 0.3 : 0.15,
          learningRate: of("peak"),
          schedule: { warmupTokens: of("warmup"), decayTokens: 0, decay: "linear", floor: 0.02 },
          batchSizeWarmupTokens: of("batchWarmup"),
          microBatchSize: of("microPretraining"),
          checkpointTokens: 8.5e9,
          ropeTheta: { global: 10_000, local: 10_000 },
        },
        {
          name: "extension",
          data: "sample_250B",
          revision: "ext",
          tokens: of("extension"),
          maxSeqLen: 7999,
          maskProbability: encoder ? 0.3 : 0.15,
          learningRate: of("peak"),
          schedule: { warmupTokens: 0, decayTokens: "whole", decay: "1-sqrt", floor: 0.5 },
          batchSizeWarmupTokens: 0,
          microBatchSize: of("microExtension"),
          checkpointTokens: 8.5e9,
          ropeTheta: { global: 160_000, local: of("localExtension") },
        },
        {
          name: "decay",
          data: "ProLong",
          revision: "decay",
          tokens: of("decay"),
          maxSeqLen: 7999,
          maskProbability: 0.15,
          learningRate: of("half"),
          schedule: { warmupTokens: 0, decayTokens: "whole", decay: "1-sqrt", floor: 0.04 },
          batchSizeWarmupTokens: 0,
          microBatchSize: of("microDecay"),
          checkpointTokens: 8.5e9,
          ropeTheta: { global: 160_000, local: of(encoder ? "localDecayEncoder" : "localDecayDecoder") },
        },
      ],
    });
  });

  test.each([
    ["enc-from-dec", "encoder", "decoder", "mntp"],
    ["dec-from-enc", "decoder", "encoder", "clm"],
  ] as const)("%s starts from the finished model of the other kind", async (name, kind, source, objective) => {
    const recipe = await readRecipe(`ettin-${name}-${size}`);
    expect(recipe).toEqual({
      ...shared,
      name: `ettin-${name}-${size}`,
      model: { config: `ettin-${kind}-${size}`, ...(kind === "encoder" ? {} : { slidingWindow: 64 }) },
      startFrom: `jhu-clsp/ettin-${source}-${size}`,
      objective,
      seed: 210,
      optimizer: { ...stable, weightDecay: of("weightDecay"), maxLearningRate: of("half") },
      phases: [
        {
          name: "cross",
          data: "ProLong",
          revision: "step",
          tokens: of("decay"),
          maxSeqLen: 7999,
          maskProbability: 0.15,
          learningRate: of("half"),
          schedule: { warmupTokens: of("crossWarmup"), decayTokens: of("crossDecay"), decay: "linear", floor: 0.02 },
          batchSizeWarmupTokens: 10e9,
          microBatchSize: of("microCross"),
          checkpointTokens: of("crossCheckpoint"),
          ropeTheta: { global: 160_000, local: 160_000 },
        },
      ],
    });
  });
});

test("there is a recipe for each model of the suite", () => {
  expect(namedRecipes()).toEqual(
    ["encoder", "decoder", "enc-from-dec", "dec-from-enc"].flatMap((kind) =>
      sizes.map((size) => `ettin-${kind}-${size}`),
    ),
  );
  expect(namedRecipes()).toEqual(expect.arrayContaining([...namedConfigs]));
});
