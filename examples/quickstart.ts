// Trains a two-layer causal network on the bytes of quickstart.txt with the engine's own ops, then lets it write.
import { readFileSync } from "node:fs";
import * as e from "@ettin/core";

const text = readFileSync(new URL("quickstart.txt", import.meta.url));
const [dim, heads, rows, length, steps] = [128, 4, 16, 64, 300] as const;
const matrix = (...shape: number[]) => e.parameter(e.randn(shape, { seed: shape[0]!, std: 0.05 }));
const gain = () => e.parameter(e.Tensor.ones([dim]));
const layers = [0, 1].map(
  () => [gain(), matrix(3 * dim, dim), matrix(dim, dim), gain(), matrix(4 * dim, dim), matrix(dim, 2 * dim)] as const,
);
const [bytes, last, rotary] = [
  matrix(256, dim),
  gain(),
  e.rotaryTable({ positions: length, dim: dim / heads, base: 10000 }),
];
const optimizer = new e.AdamW([bytes, last, ...layers.flat()], { learningRate: 3e-3 });
const int32 = (values: ArrayLike<number>) => e.Tensor.from(Int32Array.from(values));

function forward(tokens: e.Tensor, offsets: e.Tensor): e.Tensor {
  let x = e.embedding(bytes, tokens);
  for (const [norm, qkv, out, mlpNorm, mlpIn, mlpOut] of layers) {
    const attended = e.selfAttention(e.linear(e.layerNorm(x, norm), qkv), { offsets, heads, causal: true, rotary });
    x = x.add(e.linear(attended, out));
    x = x.add(e.linear(e.geglu(e.linear(e.layerNorm(x, mlpNorm), mlpIn)), mlpOut));
  }
  return e.layerNorm(x, last);
}

function trainStep(step: number): e.Tensor {
  const starts = Array.from({ length: rows }, (_, row) => (step * 997 + row * 131) % (text.length - length));
  const window = (shift: number) => int32(starts.flatMap((at) => [...text.subarray(at + shift, at + shift + length)]));
  const hidden = forward(window(0), int32(Array.from({ length: rows + 1 }, (_, row) => row * length)));
  const loss = e.linearCrossEntropy(hidden, bytes, { targets: window(1) });
  loss.backward();
  optimizer.step();
  optimizer.zeroGrad();
  return loss.detach();
}

const start = performance.now();
for (let step = 1; step <= steps; step++) {
  const loss = e.tensorScope(() => trainStep(step));
  if (step % 50 === 0) console.log(`step ${step}  loss ${(await loss.item()).toFixed(3)}`);
}
const speed = (steps * rows * length) / ((performance.now() - start) / 1000);
console.log(`${Math.round(speed)} tokens/s on ${e.defaultDevice().name}\n`);

const written = [...Buffer.from("The giant ")];
while (written.length < 240) {
  const context = written.slice(-length);
  const hidden = e.noGrad(() => e.tensorScope(() => forward(int32(context), int32([0, context.length]))));
  written.push(await e.argmax(e.linear(hidden.slice(context.length - 1), bytes), -1).item());
}
console.log(Buffer.from(written).toString());
