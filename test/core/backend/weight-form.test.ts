import {
  AdamW,
  clipGradNorm,
  type Device,
  embedding,
  linear,
  memoryStats,
  noGrad,
  openCpu,
  parameter,
  randn,
  Tensor,
  tensorScope,
} from "@ettin/core";
import { describe, expect, test } from "vitest";
import { cpuOnly, device } from "../../support/devices.ts";
import { network, tokens } from "../network/network.ts";

type Float = "float32" | "bfloat16";

/** y of a product without a gradient. */
const product = (x: Tensor, w: Tensor): Promise<Float32Array> =>
  tensorScope(() => ({ read: noGrad(() => linear(x, w)).data() as Promise<Float32Array> })).read;

const bitsOf = async (w: Tensor): Promise<Uint8Array> => {
  const width = w.dtype === "bfloat16" ? 2 : 4;
  return new Uint8Array(await w.backend.download(w.storage.id, w.offset * width, w.size * width));
};

describe.each(cpuOnly)("a weight that only products read, on %s", (level) => {
  const on = device(level);
  const random = (shape: number[], seed: number, dtype: Float = "float32") =>
    randn(shape, { seed, std: 1, device: on }).to(dtype);

  test.each(["float32", "bfloat16"] as const)("is in memory once: %s", async (dtype) => {
    const own = openCpu({ level, threads: 2 });
    const sizes = [
      [384, 128],
      [128, 128],
      [256, 128],
      [128, 192],
      [1024, 128],
    ] as const;
    const weights = sizes.map(([out, inner]) => parameter(Tensor.full([out, inner], 0.5, { device: own, dtype })));
    const before = memoryStats(own);
    for (let pass = 0; pass < 3; pass++) {
      for (const w of weights) {
        const x = Tensor.ones([3, w.shape[1]!], { device: own, dtype });
        expect((await product(x, w))[0]).toBe(w.shape[1]! / 2);
        x.dispose();
      }
      const { current, packed } = memoryStats(own);
      expect(current).toBe(before.current);
      expect(packed).toBe(0);
    }
    // Reading a weight changes nothing; a gradient brings its rows back, with a copy for each product from its second
    // use on: a weight that every use of it finds changed is packed in passing.
    for (const w of weights) expect((await w.data())[7]).toBe(0.5);
    expect(memoryStats(own).packed).toBe(0);
    const copies: number[] = [];
    for (let pass = 0; pass < 3; pass++) {
      tensorScope(() => {
        const x = Tensor.ones([3, 128], { device: own, dtype, requiresGrad: true });
        linear(x, weights[0]!).sum().backward();
      });
      await own.backend.synchronize();
      copies.push(memoryStats(own).packed / (384 * 128 * (dtype === "float32" ? 4 : 2)));
    }
    expect(copies).toEqual([0, 1, 2]); // the first forward product read the packed form
    for (const w of weights) w.dispose();
    expect(memoryStats(own).current).toBe(0);
    own.backend.close();
  });

  test("keeps every bit of every bfloat16 number, and of float32 numbers of all kinds", async () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i); // NaN with any payload, infinities, denormals, -0
    const float32 = Uint32Array.from({ length: 65536 }, (_, i) => Math.imul(i, 0x10001) + 77);
    for (const [dtype, bits, shape] of [
      ["bfloat16", all, [256, 256]],
      ["float32", float32, [256, 256]],
      ["bfloat16", all.subarray(1, 1 + 203 * 301), [203, 301]], // panels and pairs that are not full
      ["float32", float32.subarray(1, 1 + 203 * 301), [203, 301]],
    ] as const) {
      const bytes = new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength).slice();
      const w = parameter(Tensor.empty(shape, { device: on }, dtype));
      on.backend.upload(w.storage.id, 0, bytes);
      const x = Tensor.ones([1, shape[1]], { device: on, dtype });
      for (let round = 0; round < 2; round++) {
        await product(x, w);
        expect(Buffer.from(await bitsOf(w)).equals(bytes), "read").toBe(true);
        const part = await bitsOf(w.viewAs([37], [1], 1000));
        const width = bytes.length / bits.length;
        expect(Buffer.from(part).equals(bytes.subarray(1000 * width, 1037 * width)), "read in part").toBe(true);
        const ids = Tensor.from([0, shape[0] - 1, 77], { device: on, dtype: "int32" });
        const rows = embedding(w, ids);
        const row = bytes.length / shape[0];
        const expected = Buffer.concat([0, shape[0] - 1, 77].map((id) => bytes.subarray(id * row, (id + 1) * row)));
        if (dtype === "float32") expect(Buffer.from(await bitsOf(rows)).equals(expected), "rows").toBe(true);
        const copy = Tensor.empty(shape, { device: on }, dtype);
        on.backend.gather(
          copy,
          w,
          Tensor.from(
            Int32Array.from({ length: shape[0] }, (_, i) => i),
            { device: on },
          ),
        );
        expect(Buffer.from(await bitsOf(copy)).equals(bytes), "unpacked").toBe(true);
      }
      w.dispose();
    }
  });

  test.each([
    ["float32", "float32"],
    ["float32", "bfloat16"],
    ["bfloat16", "float32"],
    ["bfloat16", "bfloat16"],
  ] as const)("gives the bits of one that is not: x %s, weight %s", async (dtype, weightDtype) => {
    const plain = random([203, 131], 1, weightDtype);
    const w = parameter(plain.to(weightDtype === "float32" ? "float32" : "bfloat16").mul(1));
    for (const rows of [1, 5, 40]) {
      const x = random([rows, 131], 2, dtype);
      const expected = await product(x, plain);
      for (let i = 0; i < 2; i++) expect(await product(x, w)).toEqual(expected);
    }
    const ids = Tensor.from([5, 0, 202, 5], { dtype: "int32", device: on });
    for (const to of ["float32", "bfloat16"] as const) {
      const read = (table: Tensor) => embedding(table, ids, { dtype: to }).data();
      expect(await read(w)).toEqual(await read(plain));
    }
    w.dispose();
  });

  test("can be sliced, changed in place and written, and is packed anew", async () => {
    const plain = random([96, 64], 1);
    const w = parameter(plain.mul(1));
    const x = random([4, 64], 2);
    await product(x, w);
    const rows = (t: Tensor) => t.viewAs([32, 64], [64, 1], 16 * 64);
    expect(await product(x, rows(w))).toEqual(await product(x, rows(plain)));
    const more = Tensor.ones([2, 64], { device: on });
    for (const t of [w, plain]) on.backend.copyInto(t, more, 0, 3);
    for (let i = 0; i < 70; i++) await product(x, w); // packed again after so many
    expect(await product(x, w)).toEqual(await product(x, plain));
    const part = Float32Array.of(1, 2, 3);
    for (const t of [w, plain]) on.backend.upload(t.storage.id, 400, part);
    expect(await product(x, w)).toEqual(await product(x, plain));
    expect(await w.data()).toEqual(await plain.data());
    const whole = new Float32Array(96 * 64).fill(0.25);
    for (let i = 0; i < 70; i++) await product(x, w);
    on.backend.upload(w.storage.id, 0, whole);
    expect(await w.data()).toEqual(whole);
    w.dispose();
  });

  test("trains as if there had been no inference before, between and after", async () => {
    const batch = Array.from({ length: 8 }, (_, i) => tokens(12 + 3 * i, i));
    const run = async (evaluations: number) => {
      const net = network(on, { causal: true });
      const optimizer = new AdamW(net.parameters, { learningRate: 3e-3 });
      const embed = () => noGrad(() => tensorScope(() => net.embed(batch.slice(0, 2)))).data();
      for (let step = 0; step < 4; step++) {
        for (let i = 0; i < evaluations; i++) await embed();
        tensorScope(() => {
          net.loss(batch).backward();
          optimizer.step(3e-3, clipGradNorm(net.parameters, 1));
          optimizer.zeroGrad();
        });
      }
      const last = await embed();
      const values = await Promise.all(net.parameters.map((p) => p.data()));
      net.dispose();
      return { last, values };
    };
    const without = await run(0);
    for (const evaluations of [1, 70]) expect(await run(evaluations)).toEqual(without);
  });

  test("amid training keeps its rows, until many products in a row have read it", async () => {
    const own = openCpu({ level, threads: 1 });
    const w = parameter(Tensor.ones([64, 64], { device: own }));
    const x = Tensor.ones([2, 64], { device: own });
    const optimizer = new AdamW([w], { learningRate: 0.1 });
    for (let step = 0; step < 3; step++) {
      tensorScope(() => {
        linear(x, w).sum().backward();
        optimizer.step();
        optimizer.zeroGrad();
      });
      for (let i = 0; i < 20; i++) {
        await product(x, w);
        const first = step === 0 && i === 0; // in the next steps it is known that a second product comes
        expect(memoryStats(own).packed).toBe(first ? 0 : 64 * 64 * 4); // rows, and a copy beside them
      }
    }
    for (let i = 0; i < 64; i++) await product(x, w);
    expect(memoryStats(own).packed).toBe(0);
    w.dispose();
    own.backend.close();
  });
});

describe("a packed weight", () => {
  const withLimit = (limit: string, run: (own: Device) => Promise<void>): Promise<void> => {
    const before = process.env.ETTIN_MEMORY_LIMIT;
    process.env.ETTIN_MEMORY_LIMIT = limit;
    const own = openCpu({ threads: 1 });
    if (before === undefined) delete process.env.ETTIN_MEMORY_LIMIT;
    else process.env.ETTIN_MEMORY_LIMIT = before;
    return run(own).finally(() => own.backend.close());
  };

  test("that cannot be unpacked for lack of memory is an error of the call, and stays as it is", () =>
    withLimit("64M", async (own) => {
      const w = parameter(Tensor.full([1024, 2048], 0.5, { device: own })); // 8.4 MB
      const x = Tensor.ones([1, 2048], { device: own });
      expect((await product(x, w))[9]).toBe(1024);
      const { current, scratch } = memoryStats(own);
      const filler = Tensor.empty([(64e6 - current - scratch) / 4 - 1_200_000], { device: own }); // leaves some 5 MB
      const y = Tensor.empty([1024, 2048], { device: own, dtype: "bfloat16" });
      expect(() => own.backend.copy(y, w)).toThrow("[memory] 8.4 MB asked for on");
      expect(() => own.backend.upload(w.storage.id, 0, Float32Array.of(1))).toThrow("[memory] 8.4 MB asked for on");
      expect((await product(x, w))[9]).toBe(1024);
      filler.dispose();
      own.backend.copy(y, w);
      expect((await y.data())[5]).toBe(0.5);
      expect((await product(x, w))[9]).toBe(1024);
      w.dispose();
    }));

  test("there is no room for leaves the rows where they are", () =>
    withLimit("24M", async (own) => {
      const w = parameter(Tensor.full([1024, 2048], 0.5, { device: own }));
      const filler = Tensor.empty([1_800_000], { device: own }); // room for a weight or the working memory, not both
      const x = Tensor.ones([1, 2048], { device: own });
      const before = memoryStats(own).current;
      await product(x, w).catch((error) => expect(error.message).toMatch(/working memory/));
      expect((await w.data())[5]).toBe(0.5);
      expect(memoryStats(own).current).toBe(before);
      filler.dispose();
      w.dispose();
    }));

  test("whose making failed fails what reads it, until it is written whole", async () => {
    const own = openCpu({ threads: 2 });
    const table = Tensor.ones([4, 64], { device: own });
    const w = parameter(Tensor.empty([64, 64], { device: own }));
    own.backend.gather(w, table, Tensor.from(new Int32Array(64).fill(9), { device: own }));
    const x = Tensor.ones([2, 64], { device: own });
    await expect(product(x, w)).rejects.toThrow("[gather] row 9");
    await expect(w.data()).rejects.toThrow("[gather] row 9");
    own.backend.upload(w.storage.id, 0, new Float32Array(64 * 64).fill(2));
    expect((await product(x, w))[3]).toBe(128);
    w.dispose();
    own.backend.close();
  });
});
