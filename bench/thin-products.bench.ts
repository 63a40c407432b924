import { type Device, openCpu, parameter, Tensor } from "@ettin/core";
import { median } from "./support/peak.ts";
import { Reading } from "./support/reading.mjs";

export const name = "Products of decoding, x·Wᵀ with 1 to 16 rows: GB/s of weights and share of the read bandwidth";

type Float = "float32" | "bfloat16";

/** Layers, hidden and intermediate sizes. */
const SIZES = {
  "17m": [7, 256, 384],
  "32m": [10, 384, 576],
  "68m": [19, 512, 768],
  "150m": [22, 768, 1152],
  "400m": [28, 1024, 2624],
  "1b": [28, 1792, 3840],
} as const;
type Size = keyof typeof SIZES;
const VOCABULARY = 50368;

/** [out, in] of each weight that one token meets, in order; the last is the head. */
function weightsOf(size: Size): (readonly [number, number])[] {
  const [layers, hidden, intermediate] = SIZES[size];
  const layer = [
    [3 * hidden, hidden],
    [hidden, hidden],
    [2 * intermediate, hidden],
    [hidden, intermediate],
  ] as const;
  return [...Array.from({ length: layers }, () => layer).flat(), [hidden, hidden], [VOCABULARY, hidden]];
}

const cell = (rate: number, share: number): string =>
  `${(rate / 1e9).toFixed(1).padStart(6)} ${(100 * share).toFixed(0).padStart(4)} %`;

/** A weight in the precision of the product. */
const weight = (device: Device, [out, inner]: readonly [number, number], dtype: Float): Tensor =>
  parameter(Tensor.full([out, inner], 0.01, { device, dtype }));

export async function run({ quick }: { quick: boolean }): Promise<void> {
  const device = openCpu();
  const reading = new Reading(device);
  const { backend } = device;
  const bandwidth: number[] = [];
  for (let i = 0; i < 15; i++) bandwidth.push(await reading.slice());
  console.log(`  ${device.name}: reads ${(median(bandwidth) / 1e9).toFixed(1)} GB/s`);
  const rowCounts = [1, 2, 4, 8, 16];
  const heading = rowCounts.map((rows) => `${rows} row${rows > 1 ? "s" : ""}`.padEnd(13)).join("");

  for (const dtype of ["float32", "bfloat16"] as const) {
    const width = dtype === "float32" ? 4 : 2;
    console.log(`\n  ${dtype} weights and rows\n  ${"".padEnd(22)}${heading}`);
    for (const size of (quick ? ["17m", "150m"] : Object.keys(SIZES)) as Size[]) {
      const shapes = weightsOf(size);
      const bytes = shapes.reduce((sum, [N, K]) => sum + width * N * K, 0);
      const weights = shapes.map((shape) => weight(device, shape, dtype));
      const times = async (products: readonly number[], label: string): Promise<void> => {
        const cells: string[] = [];
        for (const rows of rowCounts) {
          const made = products.map((i) => {
            const [N, K] = shapes[i]!;
            const x = Tensor.full([rows, K], 0.5, { device, dtype });
            return { x, y: Tensor.empty([rows, N], x), w: weights[i]! };
          });
          const moved = products.reduce((sum, i) => sum + width * shapes[i]![0] * shapes[i]![1], 0);
          const pass = async (): Promise<number> => {
            const begin = performance.now();
            for (const { x, y, w } of made) backend.linearForward(y, x, w, null);
            await backend.synchronize();
            return (performance.now() - begin) / 1e3;
          };
          await pass();
          const rates: number[] = [];
          const shares: number[] = [];
          for (let i = 0; i < (quick ? 7 : 15); i++) {
            const before = await reading.slice();
            const seconds = await pass();
            const after = await reading.slice();
            rates.push(moved / seconds);
            shares.push(moved / seconds / ((before + after) / 2));
          }
          cells.push(cell(median(rates), median(shares)));
          for (const { x, y } of made) {
            x.dispose();
            y.dispose();
          }
        }
        console.log(`  ${label.padEnd(22)}${cells.join(" ")}`);
      };
      await times(
        shapes.map((_, i) => i),
        `${size}, a token: ${(bytes / 1e6).toFixed(0)} MB`,
      );
      if (!quick || size === "150m") {
        // Every layer's product of a kind, so that no cache holds them at the larger sizes.
        const [layers] = SIZES[size];
        for (let kind = 0; kind < 4; kind++) {
          const [N, K] = shapes[kind]!;
          await times(
            Array.from({ length: layers }, (_, layer) => 4 * layer + kind),
            `  ${N} × ${K}`,
          );
        }
        await times([shapes.length - 1], `  ${VOCABULARY} × ${SIZES[size][1]}`);
      }
      for (const w of weights) w.dispose();
    }
  }
  reading.dispose();
  backend.close();
}
