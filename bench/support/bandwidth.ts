/** The machine's copy bandwidth, and the speed of memory-bound ops as a share of it. */
import { type Device, Tensor } from "@ettin/core";
import { median } from "./peak.ts";

export interface Moved {
  /** Seconds of one run. */
  seconds: number;
  /** Bytes per second. */
  rate: number;
  /** Of the copy bandwidth just before and after. */
  share: number;
}

/** How fast memory is copied right now. Arrays that no cache holds; a copied byte is read once and written once. */
export class Bandwidth {
  private readonly device: Device;
  private readonly from: Tensor;
  private readonly to: Tensor;

  constructor(device: Device, megabytes = 96) {
    this.device = device;
    this.from = Tensor.full([(megabytes << 20) / 4], 1, { device }); // pages that are never written are all one page
    this.to = Tensor.full([(megabytes << 20) / 4], 0, { device });
  }

  /**
   * One copy.
   *
   * @param streaming by stores past the caches, which do not read a line before they write it
   * @returns bytes per second, read and written
   */
  async slice(streaming: boolean): Promise<number> {
    const begin = performance.now();
    this.device.backend.copyBandwidth(this.to, this.from, streaming);
    await this.device.backend.synchronize();
    return (8 * this.from.size) / ((performance.now() - begin) / 1e3);
  }

  /** The middle of several slices. */
  async settled(streaming: boolean, slices = 9): Promise<number> {
    const rates: number[] = [];
    for (let i = 0; i <= slices; i++) rates.push(await this.slice(streaming));
    return median(rates.slice(1));
  }

  /** The faster of the two kinds of copy: what shares are shares of. */
  async best(): Promise<number> {
    return Math.max(await this.slice(false), await this.slice(true));
  }

  /**
   * Times a function that enqueues work, between two copies each time; the share is the median of these ratios, because
   * the machine's speed drifts.
   *
   * @param bytes that one run must read and write at least
   */
  async shareOf(bytes: number, run: () => void, { repeats = 9, seconds = 0.02 } = {}): Promise<Moved> {
    const timed = async (times: number): Promise<number> => {
      const begin = performance.now();
      for (let i = 0; i < times; i++) run();
      await this.device.backend.synchronize();
      return (performance.now() - begin) / 1e3 / times;
    };
    await timed(1);
    const times = Math.max(1, Math.round(seconds / (await timed(1))));
    const took: number[] = [];
    const shares: number[] = [];
    for (let i = 0; i < repeats; i++) {
      const before = await this.best();
      const one = await timed(times);
      const after = await this.best();
      took.push(one);
      shares.push(bytes / one / ((before + after) / 2));
    }
    return { seconds: median(took), rate: bytes / median(took), share: median(shares) };
  }

  dispose(): void {
    this.from.dispose();
    this.to.dispose();
  }
}

/** A tensor of numbers that look random. */
export function filled(device: Device, shape: readonly number[], dtype: "float32" | "bfloat16" = "float32"): Tensor {
  const size = shape.reduce((product, n) => product * n, 1);
  const values = Float32Array.from({ length: size }, (_, i) => (((i * 7919) % 1000) - 500) / 200);
  return Tensor.from(values, { shape, device, dtype });
}

/** A table's cell: GB/s and the share of the copy bandwidth. */
export const movedText = ({ rate, share }: Moved): string =>
  `${(rate / 1e9).toFixed(1).padStart(6)} GB/s ${(100 * share).toFixed(0).padStart(4)} %`;

/** The head of a benchmark's table. */
export async function bandwidthText(bandwidth: Bandwidth): Promise<string> {
  const [plain, streaming] = [await bandwidth.settled(false), await bandwidth.settled(true)];
  return `copy ${(plain / 1e9).toFixed(1)} GB/s, past the caches ${(streaming / 1e9).toFixed(1)} GB/s (read + written)`;
}
