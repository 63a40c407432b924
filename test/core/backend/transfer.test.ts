import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { defaultDevice, Tensor, tensorScope } from "@ettin/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Storage } from "../../../packages/core/src/tensor/storage.ts";
import { read } from "../../support/read.ts";

const { backend } = defaultDevice();

describe("upload and download", () => {
  test("float32 comes back bit for bit", async () => {
    const values = Float32Array.of(0, -0, 1, 1.1, -3.5e38, 1e-45, Infinity, -Infinity, Number.NaN);
    const got = await read(() => Tensor.from(values));
    expect(Buffer.from(got.buffer)).toEqual(Buffer.from(values.buffer));
  });

  test("int32 comes back, at its limits too", async () => {
    const values = Int32Array.of(0, -1, 2 ** 31 - 1, -(2 ** 31));
    expect(await read(() => Tensor.from(values))).toEqual(values);
  });

  test("bfloat16 rounds to nearest, ties to even", async () => {
    // 8 significant bits: 1 + 1/128 is the next number after 1; halfway goes to the even one
    const values = [1, 1 + 1 / 128, 1 + 1 / 256, 1 + 3 / 256, 1 + 1 / 256 + 2 ** -20, -Infinity, Number.NaN];
    const got = await read(() => Tensor.from(values, { dtype: "bfloat16" }));
    expect([...got]).toEqual([1, 1 + 1 / 128, 1, 1 + 2 / 128, 1 + 1 / 128, -Infinity, Number.NaN]);
  });

  test.each([[[0]], [[0, 3]], [[3, 0, 2]]])("a tensor of shape %j is empty", async (shape) => {
    const got = await read(() => Tensor.zeros(shape));
    expect(got).toEqual(new Float32Array(0));
  });

  test("setValues writes into the tensor's own memory, in order, and refuses what does not fit", async () => {
    const x = Tensor.from([1, 2, 3, 4, 5, 6], { shape: [3, 2] });
    const row = x.slice(1, 2);
    const before = x.data();
    row.setValues([30, 40]);
    expect([...(await before)]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...(await x.data())]).toEqual([1, 2, 30, 40, 5, 6]);
    const half = x.to("bfloat16");
    half.setValues([1 + 1 / 256, 2, 3, 4, 5, 6]);
    expect([...(await half.data())]).toEqual([1, 2, 3, 4, 5, 6]);
    const offsets = Tensor.from(Int32Array.of(0, 3));
    offsets.setValues([0, 2]);
    expect(offsets.hostValues()).toBeNull(); // what it was made from says nothing any more
    expect(() => x.setValues([1])).toThrow("[setValues] 1 values for a tensor [3, 2]. Give one value for each element");
    expect(() => x.transpose().setValues([1, 2, 3, 4, 5, 6])).toThrow("6 values for a strided tensor [2, 3]");
    const leaf = Tensor.from([1], { requiresGrad: true });
    const result = leaf.mul(2);
    expect(() => result.setValues([1])).toThrow("[setValues] the tensor made by mul is on the tape. Detach it first.");
    for (const tensor of [x, row, half, offsets, leaf, result]) tensor.dispose();
  });

  test("a read gives what was there when it was asked for, whatever happens to the tensor after", async () => {
    const reads = tensorScope(() => {
      const x = Tensor.from([1, 2, 3, 4]);
      const first = x.data();
      backend.fill(x, 7);
      const second = x.data();
      backend.upload(x.storage.id, 4, Float32Array.of(9, 9)); // elements 1 and 2
      return { first, second, third: x.data() };
    });
    expect([...(await reads.first)]).toEqual([1, 2, 3, 4]);
    expect([...(await reads.second)]).toEqual([7, 7, 7, 7]);
    expect([...(await reads.third)]).toEqual([7, 9, 9, 7]);
  });

  test("an upload copies at the call", async () => {
    const values = Float32Array.of(1, 2);
    const x = Tensor.from(values);
    values.fill(0);
    expect([...(await x.data())]).toEqual([1, 2]);
    x.dispose();
  });

  test("a buffer handed on while kernels that use it are queued keeps the order of the program", async () => {
    const reads: Promise<ArrayLike<number>>[] = [];
    tensorScope(() => {
      for (let i = 0; i < 200; i++) {
        // Each round gives its buffers back at once; the next one is handed them.
        tensorScope(() => {
          const x = Tensor.full([1000], i);
          const y = Tensor.empty([1000], x);
          backend.add(y, x, x);
          reads.push(y.data());
        });
      }
    });
    for (const [i, read] of (await Promise.all(reads)).entries()) {
      expect(read[0]).toBe(2 * i);
      expect(read[999]).toBe(2 * i);
    }
  });
});

describe("wrap", () => {
  let gc: () => void;
  beforeAll(() => {
    setFlagsFromString("--expose-gc");
    gc = runInNewContext("gc") as () => void;
  });

  test("kernels read memory that JavaScript owns", async () => {
    const values = Float32Array.of(1, 2, 3);
    const device = defaultDevice();
    const got = read(() => {
      const storage = new Storage(backend.wrap(values), backend, values);
      const x = new Tensor(storage, device, "float32", [3], [1], 0);
      const y = Tensor.empty([3], x);
      backend.add(y, x, x);
      return y;
    });
    expect([...(await got)]).toEqual([2, 4, 6]);
  });

  test("the memory stays until the last kernel that reads it, even if JavaScript lets go of it first", async () => {
    const size = 1 << 20;
    const reads: Promise<ArrayLike<number>>[] = [];
    for (let round = 0; round < 8; round++) {
      reads.push(
        read(() => {
          const values = new Float32Array(size).fill(round);
          const storage = new Storage(backend.wrap(values), backend);
          const x = new Tensor(storage, defaultDevice(), "float32", [size], [1], 0);
          const y = Tensor.empty([size], x);
          for (let i = 0; i < 20; i++) backend.add(y, x, x);
          return y;
        }),
      );
      gc();
    }
    for (const [round, got] of (await Promise.all(reads)).entries()) {
      expect(got[0]).toBe(2 * round);
      expect(got[size - 1]).toBe(2 * round);
    }
  });
});

describe("mapFile", () => {
  const folder = mkdtempSync(join(tmpdir(), "ettin-map-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("a file's bytes are a storage", async () => {
    const path = join(folder, "numbers");
    writeFileSync(path, Buffer.from(Float32Array.of(1.5, 2.5, 3.5).buffer));
    const { storage, bytes } = backend.mapFile(path);
    expect(bytes).toBe(12);
    const read = backend.download(storage, 4, 8);
    backend.release([storage]); // the read was asked for before
    expect([...new Float32Array(await read)]).toEqual([2.5, 3.5]);
  });

  test("an error names the file and why it could not be mapped", () => {
    const path = join(folder, "none");
    expect(() => backend.mapFile(path)).toThrow(`[mapFile] ${path}: No such file or directory. Check the path`);
  });

  test("an empty file is an error that says so", () => {
    const path = join(folder, "empty");
    writeFileSync(path, "");
    expect(() => backend.mapFile(path)).toThrow(`[mapFile] ${path}: the file is empty.`);
  });
});
