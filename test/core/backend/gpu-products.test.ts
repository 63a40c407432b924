import { type Device, Tensor } from "@ettin/core";
import { afterEach, describe, expect, test } from "vitest";
import { isEmulated, openGpu } from "../../support/devices.ts";
import { read } from "../../support/read.ts";

// ETTIN_EMULATION_CUBLASLT, read at a device's first product, says what the emulated cuBLASLt refuses: a plan that is made
// for another size, or for a bias, is then replaced by one that is not.

const opened: Device[] = [];
afterEach(() => {
  delete process.env.ETTIN_EMULATION_CUBLASLT;
  for (const { backend } of opened.splice(0)) backend.close();
});

const gpu = (refuses = ""): Device => {
  process.env.ETTIN_EMULATION_CUBLASLT = refuses;
  const device = openGpu();
  opened.push(device);
  return device;
};

/** Small whole numbers: products of them are exact in any order and dtype. */
const numbers = (count: number, start: number) =>
  Float32Array.from({ length: count }, (_, i) => ((i * 7 + start) % 5) - 2);

/** y = x · wᵀ + b, which is checked to the bit. */
async function linear(on: Device, rows: number, [width, out]: [number, number], at = 0): Promise<void> {
  const { backend } = on;
  const [x, w, b] = [numbers(rows * width, 1), numbers(out * width, 2), numbers(out, 3)];
  const got = await read(() => {
    const shifted = Tensor.from(Float32Array.from([...new Float32Array(at), ...b]), { device: on });
    const y = Tensor.empty([rows, out], shifted);
    backend.linearForward(
      y,
      Tensor.from(x, { device: on }).viewAs([rows, width]),
      Tensor.from(w, { device: on }).viewAs([out, width]),
      shifted.viewAs([out], [1], at),
    );
    return y;
  });
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < out; col++) {
      let sum = b[col]!;
      for (let i = 0; i < width; i++) sum += x[row * width + i]! * w[col * width + i]!;
      if (got[row * out + col] !== sum) expect.fail(`[${row}, ${col}] is ${got[row * out + col]}, not ${sum}`);
    }
  }
}

describe("a product on a GPU", () => {
  test("has a plan for several sizes, and one of its own where that is refused", async () => {
    for (const refuses of ["", "sizes"]) {
      const on = gpu(refuses);
      for (const rows of [300, 301, 512, 299]) await linear(on, rows, [8, 8]);
    }
  });

  test("adds its bias beforehand where no algorithm does, to the same bits", async () => {
    const on = gpu("epilogues");
    for (const rows of [3, 300]) await linear(on, rows, [8, 4]);
  });

  test("fits a bias that is aligned otherwise than the last one", async () => {
    const on = gpu();
    for (const at of [0, 4, 1, 2, 3, 0]) await linear(on, 4, [8, 8], at);
  });

  test.skipIf(!isEmulated())("that the emulated cuBLASLt refuses altogether says its sizes", async () => {
    await expect(linear(gpu("all"), 3, [8, 4])).rejects.toThrow(
      /^\[linear\] cuBLASLt refuses a product of \[3,8\] and \[8,4\], status 15\. Run ettin doctor, or name another /,
    );
  });

  test.each([
    ["odd after even", [8, 7, 8]],
    ["even after odd", [7, 8, 7]],
  ])("of a batch fits entries that lie otherwise: %s", async (_, all) => {
    const on = gpu();
    for (const rows of all) {
      const [a, b] = [numbers(3 * rows * 8, 1), numbers(3 * 8 * 8, 2)];
      const got = await read(() => {
        const left = Tensor.from(a, { device: on }).viewAs([3, rows, 8]);
        const y = Tensor.empty([3, rows, 8], left);
        on.backend.matmul(y, left, Tensor.from(b, { device: on }).viewAs([3, 8, 8]));
        return y;
      });
      const at = (x: Float32Array, entry: number, row: number, col: number, height: number) =>
        x[(entry * height + row) * 8 + col]!;
      for (let i = 0; i < got.length; i++) {
        const [entry, row, col] = [Math.floor(i / 8 / rows), Math.floor(i / 8) % rows, i % 8];
        let sum = 0;
        for (let k = 0; k < 8; k++) sum += at(a, entry, row, k, rows) * at(b, entry, k, col, 8);
        expect(got[i]).toBe(sum);
      }
    }
  });
});
