/** The machine's copy bandwidth, and the speed of memory-bound ops as a share of it. */
import { type Device, Tensor } from "@ettin/core";
import { median } from "./peak.ts";

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

  dispose(): void {
    this.from.dispose();
    this.to.dispose();
  }
}

export interface Transfer {
  /** Seconds of one run. */
  seconds: number;
  /** Bytes per second. */
  rate: number;
  /** Of the copy bandwidth just before and after. */
  share: number;
}

/**
 * Times a function that enqueues work between two copies; the share is the median of these ratios, because the
 * machine's speed drifts.
 *
 * @param bytes that one run must read and write
 */
export async function shareOfBandwidth(
  bandwidth: Bandwidth,
  device: Device,
  bytes: number,
  run: () => void,
  { repeats = 9 }: { repeats?: number } = {},
): Promise<Transfer> {
  const timed = async (): Promise<number> => {
    const begin = performance.now();
    run();
    await device.backend.synchronize();
    return (performance.now() - begin) / 1e3;
  };
  await timed();
  const took: number[] = [];
  const shares: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const before = await bandwidth.best();
    const one = await timed();
    const after = await bandwidth.best();
    took.push(one);
    shares.push(bytes / one / ((before + after) / 2));
  }
  return { seconds: median(took), rate: bytes / median(took), share: median(shares) };
}
