/** How fast memory is read: what decoding, which reads every weight for each token, is measured against. */
import { Tensor } from "@ettin/core";

/** Reads memory that no cache holds. */
export class Reading {
  /** @param {import("@ettin/core").Device} device */
  constructor(device, megabytes = 256) {
    this.device = device;
    this.x = Tensor.full([(megabytes << 20) / 4], 1, { device });
    this.y = Tensor.empty([1], { device });
  }

  /** The fastest of three passes. @returns {Promise<number>} bytes per second */
  async slice() {
    await this.device.backend.synchronize(); // whatever is queued, the filling of this memory too
    let seconds = Number.POSITIVE_INFINITY;
    for (let pass = 0; pass < 3; pass++) {
      const begin = performance.now();
      this.device.backend.readBandwidth(this.y, this.x);
      await this.device.backend.synchronize();
      seconds = Math.min(seconds, (performance.now() - begin) / 1e3);
    }
    return (4 * this.x.size) / seconds;
  }

  dispose() {
    this.x.dispose();
    this.y.dispose();
  }
}
