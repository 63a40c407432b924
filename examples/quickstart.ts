// Trains a small Ettin decoder on tales.txt and lets it tell a tale.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as ettin from "@ettin/core";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const tokenizer = await ettin.Tokenizer.fromFolder(here("tokenizer"));
const { ids } = tokenizer.encode(readFileSync(here("tales.txt"), "utf8"), { addSpecialTokens: false });

const sizes = { hiddenSize: 192, intermediateSize: 288, numHiddenLayers: 4, numAttentionHeads: 3 };
const config = { ...sizes, vocabSize: tokenizer.vocabSize, initializerRange: 0.05 };
const model = ettin.ModernBertDecoderForCausalLM.fromConfig(config, { seed: 1 });
console.log(`${model.parameterCount} parameters, ${ids.length} tokens, ${ettin.defaultDevice().name}`);

const [steps, rows, length, learningRate] = [150, 8, 128, 3e-3];
const optimizer = new ettin.AdamW(model.parameters(), { learningRate });
const schedule = ettin.cosineSchedule({ warmup: 20, total: steps });
const start = performance.now();
for (let step = 1; step <= steps; step++) {
  const starts = Array.from({ length: rows }, (_, row) => (step * 997 + row * 1409) % (ids.length - length));
  const batch = ettin.packTokens(starts.map((at) => ids.subarray(at, at + length)));
  const loss = ettin.tensorScope(() => {
    const loss = model.loss(batch, ettin.nextTokens(batch));
    loss.backward();
    optimizer.step(learningRate * schedule(step), ettin.clipGradNorm(model.parameters(), 1));
    optimizer.zeroGrad();
    return loss.detach();
  });
  if (step % 50 === 0) console.log(`step ${step}  loss ${(await loss.item()).toFixed(3)}`);
}
console.log(`${Math.round((steps * rows * length * 1000) / (performance.now() - start))} tokens/s\n`);

const prompt = "The giant";
const promptIds = tokenizer.encode(prompt, { addSpecialTokens: false }).ids;
const tale = ettin.streamText(model, tokenizer, promptIds, { maxNewTokens: 80, doSample: true, temperature: 0.7 });
process.stdout.write(prompt);
for await (const piece of tale) process.stdout.write(piece);
console.log();
