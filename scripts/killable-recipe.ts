// A small recipe that is killed and resumed: `killable-recipe.ts <output>`. Three phases of a few steps, a checkpoint at each
// one or two; goes on where the output is, and prints a digest of the last weights and the optimizer when it is done.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Dataset } from "@ettin/core";
import { readRecipe, runRecipe } from "@ettin/pretrain";

const output = process.argv[2]!;
const sizes = "vocabSize=64 hiddenSize=64 intermediateSize=64 numHiddenLayers=4 numAttentionHeads=1";
const phase = (name: string) =>
  `${name}.tokens=700 ${name}.maxSeqLen=32 ${name}.microBatchSize=4 ${name}.checkpointTokens=150`.split(" ");
const recipe = await readRecipe("ettin-decoder-17m", {
  set: [
    ...sizes.split(" ").map((size) => `model.${size}`),
    ...["globalBatchSize=8", "devices=1", "precision=fp32"],
    ...["pretraining", "extension", "decay"].flatMap(phase),
    ...["pretraining.schedule.warmupTokens=200", "pretraining.batchSizeWarmupTokens=300"],
  ],
});
const data = Dataset.fromRows(
  Array.from({ length: 64 }, (_, i) => ({
    input_ids: [1, ...Array.from({ length: 14 + (i % 5) }, (_, t) => 5 + ((7 * i + t) % 50)), 2],
  })),
);
const tokenizer = { vocabSize: 64, pad: 0, cls: 1, sep: 2, mask: 3, unk: 4 };
const { checkpoint } = await runRecipe({ recipe, output, data, tokenizer, report: ["metrics"], saveTotalLimit: 2 });
const digest = createHash("sha256");
for (const file of ["model.safetensors", "optimizer.safetensors"]) digest.update(readFileSync(join(checkpoint!, file)));
console.log(digest.digest("hex"));
