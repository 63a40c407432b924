import { type Device, geglu, gelu, openCpu, swiglu, Tensor, tensorScope } from "@ettin/core";
import { Bandwidth, bandwidthText } from "./support/bandwidth.ts";
import { peer } from "./support/peer.ts";

export const name = "Elementwise ops, as a share of the machine's copy bandwidth";

const gigabytes = (rate: number): string => (rate / 1e9).toFixed(1).padStart(5);
const percent = (share: number): string => `${(100 * share).toFixed(0).padStart(3)} %`;

export async function run({ quick }: { quick: boolean }): Promise<void> {
  const tokens = quick ? 2048 : 8192;
  const dim = 1152; // the 150m model's gate
  const others = {
    float32: peer("elementwise.py", "--dtype", "float32", "--tokens", String(tokens)),
    bfloat16: peer("elementwise.py", "--dtype", "bfloat16", "--tokens", String(tokens)),
  };
  for (const threads of [1, 2]) {
    const device = openCpu({ threads });
    const bandwidth = new Bandwidth(device, quick ? 32 : 96);
    console.log(`  ${device.name}: ${await bandwidthText(bandwidth)}`);
    for (const dtype of ["float32", "bfloat16"] as const) {
      for (const [op, { elements, run }] of Object.entries(work(device, dtype, tokens, dim))) {
        const bytes = elements * tokens * dim * (dtype === "float32" ? 4 : 2);
        const { seconds, rate, share } = await bandwidth.shareOf(bytes, () => tensorScope(run));
        const other = threads === 2 ? others[dtype]?.[op] : undefined;
        const beside = other ? `   PyTorch ${other.toFixed(2)} ms, ratio ${(other / 1e3 / seconds).toFixed(2)}` : "";
        console.log(
          `  ${op.padEnd(16)} ${dtype.padEnd(8)} ${(1e3 * seconds).toFixed(2).padStart(6)} ms ${gigabytes(rate)} GB/s ${percent(share)}${beside}`,
        );
      }
    }
    bandwidth.dispose();
    device.backend.close();
  }
}

interface Work {
  /** Read and written, in multiples of tokens × dim. */
  elements: number;
  run: () => void;
}

function work(device: Device, dtype: "float32" | "bfloat16", tokens: number, dim: number): Record<string, Work> {
  const filled = (shape: number[], seed: number) => {
    const values = Float32Array.from({ length: shape[1]! }, (_, i) => Math.sin(seed + i * 12.9898) * 3);
    return Tensor.from(values, { device, dtype }).expand(shape).contiguous();
  };
  const { backend } = device;
  const x = filled([tokens, dim], 1);
  const residual = filled([tokens, dim], 2);
  const both = filled([tokens, 2 * dim], 3);
  const dx = (wide: number) => Tensor.empty([tokens, wide * dim], { device, dtype });
  return {
    "residual add": { elements: 3, run: () => void x.add(residual) },
    geglu: { elements: 3, run: () => void geglu(both) },
    "geglu backward": { elements: 5, run: () => backend.gegluBackward(dx(2), x, both) },
    swiglu: { elements: 3, run: () => void swiglu(both) },
    "swiglu backward": { elements: 5, run: () => backend.swigluBackward(dx(2), x, both) },
    gelu: { elements: 2, run: () => void gelu(x) },
    "gelu backward": { elements: 3, run: () => backend.geluBackward(dx(1), residual, x) },
    transpose: { elements: 2, run: () => void x.transpose().contiguous() },
  };
}
