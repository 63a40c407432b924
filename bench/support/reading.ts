/** How fast memory is read: what decoding, which reads every weight for each token, is measured against. */
import { type Device, Tensor } from "@ettin/core";

/** Reads memory that no cache holds. */
export class Reading {
  private readonly device: Device;
  private readonly x: Tensor;
  private readonly y: Tensor;

  constructor(device: Device, megabytes = 256) {
    this.device = device;
    this.x = Tensor.full([(megabytes << 20) / 4], 1, { device });
    this.y = Tensor.empty([1], { device });
  }

  /** One pass. @returns bytes per second */
  async slice(): Promise<number> {
    const begin = performance.now();
    this.device.backend.readBandwidth(this.y, this.x);
    await this.device.backend.synchronize();
    return (4 * this.x.size) / ((performance.now() - begin) / 1e3);
  }

  dispose(): void {
    this.x.dispose();
    this.y.dispose();
  }
}
