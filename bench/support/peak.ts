/** The machine's multiply-add peak, and timings as a share of it. */
import { type Device, Tensor } from "@ettin/core";

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
};

/** How fast the peak loop runs right now, in slices of a few milliseconds. */
export class Peak {
  private readonly device: Device;
  private readonly pairs: boolean;
  private readonly threads: number;
  private steps = 10_000;

  /** @param pairs products of bfloat16 pairs, where the device has the instruction; else float32 */
  constructor(device: Device, threads: number, pairs = false) {
    this.device = device;
    this.threads = threads;
    this.pairs = pairs && device.backend.capabilities.bfloat16Products;
  }

  /** @returns operations per second: a multiply and an add are two */
  async slice(seconds = 0.01): Promise<number> {
    const y = Tensor.empty([2], { device: this.device });
    try {
      const begin = performance.now();
      this.device.backend.multiplyAddPeak(y, this.pairs, this.threads, this.steps);
      const [operations] = await y.data();
      const took = (performance.now() - begin) / 1e3;
      this.steps = Math.ceil((this.steps * seconds) / took);
      return operations! / took;
    } finally {
      y.dispose();
    }
  }

  /** The middle of many slices, after a few that bring the clock up. */
  async settled(slices = 20): Promise<number> {
    for (let i = 0; i < 5; i++) await this.slice();
    const rates: number[] = [];
    for (let i = 0; i < slices; i++) rates.push(await this.slice());
    return median(rates);
  }
}

export interface Measured {
  /** Seconds of one run. */
  seconds: number;
  /** Operations per second. */
  rate: number;
  /** Of the peak just before and after. */
  share: number;
}

/**
 * Times a function that enqueues work. Each repeat lies between two slices of the peak loop; the machine's speed
 * drifts, so the share is the median of these ratios.
 *
 * @param operations that one run does
 */
export async function shareOfPeak(
  peak: Peak,
  device: Device,
  operations: number,
  run: () => void,
  { repeats = 5, seconds = 0.05 }: { repeats?: number; seconds?: number } = {},
): Promise<Measured> {
  const timed = async (times: number): Promise<number> => {
    const begin = performance.now();
    for (let i = 0; i < times; i++) run();
    await device.backend.synchronize();
    return (performance.now() - begin) / 1e3 / times;
  };
  const times = Math.max(1, Math.round(seconds / (await timed(1))));
  const took: number[] = [];
  const shares: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const before = await peak.slice();
    const one = await timed(times);
    const after = await peak.slice();
    took.push(one);
    shares.push(operations / one / ((before + after) / 2));
  }
  return { seconds: median(took), rate: operations / median(took), share: median(shares) };
}
