import { AdamW, clipGradNorm, openCpu, parameter, StableAdamW, Tensor } from "@ettin/core";
import { Bandwidth } from "./support/bandwidth.ts";
import { peer } from "./support/peer.ts";

export const name = "Optimizers over the 150m model's parameters, norm and clipping included";

const LAYER = [
  [2304, 768],
  [768, 768],
  [2304, 768],
  [768, 1152],
];
const SHAPES = [
  [50368, 768],
  ...Array.from({ length: 22 }, () => LAYER).flat(),
  ...Array.from({ length: 45 }, () => [768]),
];

export async function run({ quick }: { quick: boolean }): Promise<void> {
  const device = openCpu();
  const bandwidth = new Bandwidth(device);
  console.log(
    `  copy bandwidth: ${(Math.max(await bandwidth.settled(false), await bandwidth.settled(true)) / 1e9).toFixed(0)} GB/s`,
  );

  const shapes = quick ? SHAPES.slice(1, 20) : SHAPES;
  const parameters = shapes.map((shape) => parameter(Tensor.full(shape, 0.5, { device })));
  for (const p of parameters) p.addGrad(Tensor.full(p.shape, 1e-3, { device }), true);
  const count = parameters.reduce((sum, { size }) => sum + size, 0);

  const other = quick ? null : peer("heads.py", "optimizer", "--repeats", "5");
  for (const [kind, bytes] of [
    [AdamW, 32], // 4 for the norm; reads p, m, v, g and writes p, m, v
    [StableAdamW, 40], // reads v and g once more
  ] as const) {
    const optimizer = new kind(parameters, { learningRate: 1e-4 });
    const step = () => {
      const clip = clipGradNorm(parameters, 1);
      optimizer.step(1e-4, clip);
      clip.norm.dispose();
    };
    const { seconds, rate, share } = await bandwidth.shareOf(count * bytes, step);
    const ms = 1e3 * seconds;
    console.log(
      `  ${kind.name}: ${ms.toFixed(1)} ms for ${(count / 1e6).toFixed(0)} M, ${(rate / 1e9).toFixed(0)} GB/s, ` +
        `${(100 * share).toFixed(0)} % of the copy bandwidth`,
    );
    optimizer.dispose();
    if (other && kind === AdamW) {
      console.log(`  PyTorch AdamW, fused: ${other.ms!.toFixed(1)} ms; ratio ${(other.ms! / ms).toFixed(2)}`);
    }
  }
  device.backend.close();
}
