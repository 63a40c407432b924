/** How fast the machine copies memory, and kernels that mostly move memory as a share of it. */
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

/** Copies of a large tensor: bytes read and bytes written both count. */
export class CopyBandwidth {
  private readonly device: Device;
  private readonly from: Tensor;
  private readonly to: Tensor;

  constructor(device: Device, megabytes = 64) {
    this.device = device;
    this.from = Tensor.zeros([megabytes << 18], { device });
    this.to = Tensor.zeros([megabytes << 18], { device });
  }

  /** @returns bytes per second of a few copies */
  async slice(copies = 3): Promise<number> {
    const begin = performance.now();
    for (let i = 0; i < copies; i++) this.device.backend.copy(this.to, this.from);
    await this.device.backend.synchronize();
    return (copies * 2 * 4 * this.from.size) / ((performance.now() - begin) / 1e3);
  }

  async settled(slices = 15): Promise<number> {
    const rates: number[] = [];
    for (let i = 0; i < slices; i++) rates.push(await this.slice());
    return median(rates);
  }

  /**
   * Times a function that enqueues work, between two slices of copies each time: the machine's speed drifts, so the
   * share is the median of the ratios.
   *
   * @param bytes that one run must read and write at least
   */
  async shareOf(bytes: number, run: () => void, { repeats = 9, seconds = 0.05 } = {}): Promise<Moved> {
    const timed = async (times: number): Promise<number> => {
      const begin = performance.now();
      for (let i = 0; i < times; i++) run();
      await this.device.backend.synchronize();
      return (performance.now() - begin) / 1e3 / times;
    };
    const times = Math.max(1, Math.round(seconds / (await timed(1))));
    const took: number[] = [];
    const shares: number[] = [];
    for (let i = 0; i < repeats; i++) {
      const before = await this.slice();
      const one = await timed(times);
      const after = await this.slice();
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
