// A small run that is killed and resumed: `killable-run.ts <outputDir> <steps>`. It saves after every step, twice, so that
// checkpoints are replaced, too; goes on from the last complete checkpoint, and prints a digest of weights and optimizer
// when it is done. Used by kill-test.mjs.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  lastCheckpoint,
  ModernBertDecoderForCausalLM,
  nextTokens,
  packTokens,
  Trainer,
} from "../packages/core/src/index.ts";

const [outputDir, steps] = process.argv.slice(2) as [string, string];
const rows = Array.from({ length: 40 }, (_, row) =>
  Array.from({ length: 6 + ((row * 5) % 20) }, (_, i) => 1 + ((row * 7919 + i * i * 31 + i * 17) % 60)),
);
const model = ModernBertDecoderForCausalLM.fromConfig(
  {
    vocabSize: 64,
    hiddenSize: 32,
    intermediateSize: 48,
    numHiddenLayers: 4,
    numAttentionHeads: 2,
    localAttention: 8,
    maxPositionEmbeddings: 64,
    padTokenId: 0,
  },
  { seed: 1 },
);
let again = false;
const trainer = new Trainer({
  model,
  args: {
    outputDir,
    maxSteps: Number(steps),
    perDeviceTrainBatchSize: 6,
    gradientAccumulationSteps: 2,
    optim: "stable_adamw",
    learningRate: 3e-3,
    weightDecay: 0.01,
    warmupSteps: 3,
    saveSteps: 1,
    saveTotalLimit: 2,
    report: [],
  },
  callbacks: [
    {
      async onSave() {
        again = !again;
        if (again) await trainer.saveCheckpoint();
      },
    },
  ],
  trainDataset: { length: rows.length, fingerprint: "killable", rows: (at) => Array.from(at, (i) => rows[i]!) },
  collator: (ids) => {
    const packed = packTokens(ids);
    return { packed, tokenCount: packed.tokens.length, sequenceCount: ids.length };
  },
  loss: {
    forward: ({ packed }, pass) => {
      const rates = { embedding: 0.1, attentionOutput: 0.1, mlp: 0.1 };
      const dropout = pass?.dropout && { ...pass.dropout, rates };
      return model.loss(packed, nextTokens(packed), dropout ? { dropout } : {});
    },
    weight: ({ packed, sequenceCount }) => packed.tokens.length - sequenceCount,
  },
});
const { checkpoint } = await trainer.train({ resumeFromCheckpoint: (await lastCheckpoint(outputDir)) ?? false });
const last = checkpoint ?? (await lastCheckpoint(outputDir))!;
const digest = createHash("sha256");
for (const file of ["model.safetensors", "optimizer.safetensors"]) digest.update(readFileSync(join(last, file)));
console.log(digest.digest("hex"));
