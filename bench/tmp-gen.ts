import { generate, ModernBertDecoderForCausalLM, openCpu } from "@ettin/core";

const [size, dtype, batch, threads] = [
  process.argv[2]!,
  process.argv[3]! as "float32" | "bfloat16",
  +process.argv[4]!,
  +(process.argv[5] ?? 2),
];
const device = openCpu({ threads });
const model = ModernBertDecoderForCausalLM.fromConfig(`ettin-decoder-${size}`, { dtype, device } as never);
const prompts = Array.from({ length: batch }, (_, b) =>
  Array.from({ length: 64 }, (_, i) => 1000 + ((b * 7919 + i * i * 31) % 40000)),
);
const timed = async (n: number) => {
  const t = performance.now();
  await generate(model as never, prompts, { maxNewTokens: n, eosTokenId: null });
  return performance.now() - t;
};
await timed(8);
const reps = 3;
const first = [];
const whole = [];
for (let i = 0; i < reps; i++) {
  first.push(await timed(1));
  whole.push(await timed(128));
}
const med = (x: number[]) => x.sort((a, b) => a - b)[x.length >> 1]!;
const step = (med(whole) - med(first)) / 127;
console.log(
  size,
  dtype,
  "batch",
  batch,
  "step",
  step.toFixed(2),
  "ms",
  ((batch * 1000) / step).toFixed(1),
  "tok/s first",
  med(first).toFixed(1),
);
process.exit(0);
