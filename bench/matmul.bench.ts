import { type Device, openCpu, parameter, Tensor } from "@ettin/core";
import { Peak, shareOfPeak } from "./support/peak.ts";
import { peer } from "./support/peer.ts";

export const name = "Matrix products of training: x·Wᵀ, dy·W and dyᵀ·x";

type Float = "float32" | "bfloat16";

/** Hidden and intermediate sizes of the six models. */
const SIZES = {
  "17m": [256, 384],
  "32m": [384, 576],
  "68m": [512, 768],
  "150m": [768, 1152],
  "400m": [1024, 2624],
  "1b": [1792, 3840],
} as const;
type Size = keyof typeof SIZES;
const ORIENTATIONS = ["x·Wᵀ", "dy·W", "dyᵀ·x"] as const;

/** [out, in] of the weights of a block; equal ones once. */
function weightsOf(size: Size): (readonly [number, number])[] {
  const [hidden, intermediate] = SIZES[size];
  const all = [
    [3 * hidden, hidden],
    [hidden, hidden],
    [2 * intermediate, hidden],
    [hidden, intermediate],
  ] as const;
  return all.filter((shape, i) => all.findIndex((other) => `${other}` === `${shape}`) === i);
}

const giga = (rate: number, width = 4): string => (rate / 1e9).toFixed(0).padStart(width);
const percent = (share: number): string => `${(100 * share).toFixed(0).padStart(4)} %`;

export async function run({ quick }: { quick: boolean }): Promise<void> {
  const device = openCpu();
  const threads = Number(/(\d+) thread/.exec(device.name)![1]);
  const sizes: Size[] = quick ? ["150m"] : (Object.keys(SIZES) as Size[]);
  const tokens = quick ? [512] : [512, 2048, 8192];
  const shapes = sizes.flatMap((size) => weightsOf(size).flatMap((w) => tokens.map((T) => [...w, T] as const)));

  console.log(`  ${device.name}`);
  const theirs = peer("matmul.py", "--threads", `${threads}`, "--shapes", ...shapes.map((shape) => shape.join("x")));

  const columnWidth = theirs ? 28 : 14;
  for (const dtype of ["float32", "bfloat16"] as const) {
    const peak = new Peak(device, threads, dtype === "bfloat16");
    const whole = await peak.settled();
    console.log(
      `\n  ${dtype}: GFLOP/s and share of the peak around each run${theirs ? "; in brackets PyTorch and its share of the peak" : ""}`,
    );
    console.log(`  ${"tokens  out × in".padEnd(22)}${ORIENTATIONS.map((o) => o.padEnd(columnWidth)).join("")}`);
    for (const [N, K, T] of shapes) {
      const ours = await products(device, peak, dtype, N, K, T, quick);
      const columns = ours.map(({ rate, share }, i) => {
        const other = theirs?.[`${dtype} ${N}x${K}x${T} ${i}`];
        const beside = other === undefined ? "" : `  (${giga(1e9 * other)}${percent((1e9 * other) / whole)})`;
        return `${giga(rate)}${percent(share)}${beside}`.padEnd(columnWidth);
      });
      console.log(`  ${`${T}`.padStart(6)}  ${`${N} × ${K}`.padEnd(14)}${columns.join("")}`);
    }
  }
  device.backend.close();
}

async function products(device: Device, peak: Peak, dtype: Float, N: number, K: number, T: number, quick: boolean) {
  const made: Tensor[] = [];
  const random = (shape: number[], type: Float): Tensor => {
    const values = Float32Array.from({ length: shape[0]! * shape[1]! }, (_, i) => ((i * 7919) % 1000) / 1000 - 0.5);
    const tensor = Tensor.from(values, { shape, device, dtype: type });
    made.push(tensor);
    return tensor;
  };
  const [x, dy] = [random([T, K], dtype), random([T, N], dtype)];
  const w = parameter(random([N, K], "float32"));
  const dw = random([N, K], "float32");
  const y = random([T, N], dtype);
  const dx = random([T, K], dtype);
  const { backend } = device;
  const runs = [
    () => backend.linearForward(y, x, w, null),
    () => backend.linearBackwardInput(dx, dy, w),
    () => backend.linearBackwardWeight(dw, dy, x, true),
  ];
  const results = [];
  for (const run of runs) results.push(await shareOfPeak(peak, device, 2 * T * N * K, run, { repeats: quick ? 3 : 5 }));
  for (const tensor of [...made, w]) tensor.dispose();
  return results;
}
