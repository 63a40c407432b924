import { AdamW, clipGradNorm, openCpu, parameter, StableAdamW, Tensor } from "@ettin/core";
import { peer } from "./support/peer.ts";

export const name = "Optimizers over the 150m model's parameters, norm and clipping included";

const SHAPES = [
  [50368, 768],
  ...Array.from({ length: 22 }, () => [
    [2304, 768],
    [768, 768],
    [2304, 768],
    [768, 1152],
  ]).flat(),
  ...Array.from({ length: 45 }, () => [768]),
];

export async function run({ quick }: { quick: boolean }): Promise<void> {
  const device = openCpu();
  const { backend } = device;
  const shapes = quick ? SHAPES.slice(1, 20) : SHAPES;
  const parameters = shapes.map((shape) => parameter(Tensor.full(shape, 0.5, { device })));
  for (const p of parameters) p.addGrad(Tensor.full(p.shape, 1e-3, { device }), true);
  const count = parameters.reduce((sum, { size }) => sum + size, 0);

  const other = quick ? null : peer("heads.py", "optimizer", "--repeats", "5");
  for (const [kind, bytes] of [
    [AdamW, 32],
    [StableAdamW, 40],
  ] as const) {
    const optimizer = new kind(parameters, { learningRate: 1e-4 });
    let best = Infinity;
    for (let i = 0; i < 6; i++) {
      await backend.synchronize();
      const begin = performance.now();
      const clip = clipGradNorm(parameters, 1);
      optimizer.step(1e-4, clip);
      await backend.synchronize();
      if (i > 0) best = Math.min(best, performance.now() - begin);
      clip.norm.dispose();
    }
    const speed = (count * bytes) / best / 1e6;
    console.log(`  ${kind.name}: ${best.toFixed(1)} ms for ${(count / 1e6).toFixed(0)} M, ${speed.toFixed(0)} GB/s`);
    optimizer.dispose();
    if (other && kind === AdamW) {
      console.log(`  PyTorch AdamW, fused: ${other.ms!.toFixed(1)} ms; ratio ${(other.ms! / best).toFixed(2)}`);
    }
  }
  backend.close();
}
