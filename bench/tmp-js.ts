import { generate, ModernBertDecoderForCausalLM, openCpu } from "@ettin/core";

const device = openCpu({ threads: +(process.argv[2] ?? 1) });
const model = ModernBertDecoderForCausalLM.fromConfig(
  {
    modelType: "modernbert-decoder",
    numHiddenLayers: 22,
    hiddenSize: 64,
    intermediateSize: 64,
    numAttentionHeads: 1,
    vocabSize: 512,
  } as never,
  { device } as never,
);
const prompts = [[1, 2, 3, 4, 5, 6, 7, 8]];
const run = (n: number) => generate(model as never, prompts, { maxNewTokens: n, eosTokenId: null });
await run(200);
const cpu0 = process.cpuUsage();
const t = performance.now();
await run(1000);
const wall = performance.now() - t,
  cpu = process.cpuUsage(cpu0);
console.log("per step µs: wall", wall.toFixed(0), "cpu", ((cpu.user + cpu.system) / 1000).toFixed(0));
process.exit(0);
