import {
  AdamW,
  ModernBertForMaskedLM,
  memoryStats,
  noGrad,
  openCpu,
  setDefaultDevice,
  synchronize,
  tensorScope,
} from "@ettin/core";
import { expect, test } from "vitest";
import { modelMemory } from "../../packages/cli/src/model-memory.ts";

const tokens = 2048;
const batch = {
  tokens: Int32Array.from({ length: tokens }, (_, i) => i % 500),
  offsets: Int32Array.from({ length: 9 }, (_, i) => 256 * i),
};
const shape = { vocabSize: 512, hiddenSize: 256, intermediateSize: 384, numHiddenLayers: 6, numAttentionHeads: 4 };
const rows = Int32Array.from({ length: 300 }, (_, i) => i);

/** What the device's memory was at most, without a model's rotary tables, which the count leaves out. */
async function measured(work: "run" | "train" | "trainCheckpointing", dtype: "float32" | "bfloat16") {
  setDefaultDevice(openCpu());
  const model = ModernBertForMaskedLM.fromConfig(
    { ...shape, maxPositionEmbeddings: 256 },
    { dtype: work === "run" ? dtype : "float32" },
  );
  model.computeDtype = dtype;
  model.gradientCheckpointing = work === "trainCheckpointing";
  if (work === "run") {
    await tensorScope(() => noGrad(() => [model.model.forward(batch).data()]))[0];
  } else {
    const optimizer = new AdamW(model.parameters(), { learningRate: 1e-3 });
    for (let step = 0; step < 2; step++) {
      tensorScope(() => {
        model.loss(batch, { rows, ids: rows }).backward();
        optimizer.step();
        optimizer.zeroGrad();
      });
      await synchronize();
    }
  }
  const { peak: storages, packed } = memoryStats();
  // In training the weights as products read them come on top; to run, they take the weights' place.
  const peak = work === "run" ? storages : storages + packed;
  const counted = modelMemory(model.parameterCount, model.config, { tokens, dtype, gated: true })[work];
  model.dispose();
  return { peak, counted };
}

test.each([
  ["run", "float32"],
  ["run", "bfloat16"],
  ["train", "float32"],
  ["train", "bfloat16"],
  ["trainCheckpointing", "float32"],
] as const)("the count for %s in %s is within 12 % of the device's peak", async (work, dtype) => {
  const { peak, counted } = await measured(work, dtype);
  expect(Math.abs(counted / peak - 1), `${counted} counted, ${peak} used`).toBeLessThan(0.12);
});
