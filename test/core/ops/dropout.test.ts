import { type Device, type DropoutOptions, dropout, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { array64, normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";
import { cpuOnly, device, levels } from "../../support/devices.ts";
import { keyOf, philox } from "../../support/philox.ts";

const where: DropoutOptions = { rate: 0.25, seed: 7, step: 3, site: 5 };

const draws = new Map<string, number[]>();

/** Whether a channel of the first sequence is kept, by the definition. */
function kept(position: number, channel: number): boolean {
  const place = `${position} ${channel >> 2}`;
  let words = draws.get(place);
  if (!words) {
    words = philox([channel >> 2, position, 0, where.site << 12], keyOf(where.seed, where.step));
    draws.set(place, words);
  }
  return words[channel & 3]! >>> 1 >= Math.floor(where.rate * 2 ** 31);
}

test("the reference generator gives the published numbers", () => {
  // the authors' known answers: all zeros, all ones
  expect(philox([0, 0, 0, 0], [0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  expect(philox([-1, -1, -1, -1], [-1, -1])).toEqual([0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
});

checkOp("dropout", {
  op: ([x]) => dropout(x!, where),
  reference: ([x]) => {
    const width = x!.shape.at(-1)!;
    return array64(x!.shape, (i) => (kept(Math.floor(i / width), i % width) ? x!.data[i]! / 0.75 : 0));
  },
  cases: [
    [0, 4],
    [1, 1],
    [2, 31],
    [1, 32],
    [3, 33],
    [5, 130],
  ].map((shape) => ({ name: `[${shape}]`, inputs: [normal(shape)] })),
});

describe.each(levels)("dropout on %s", (level) => {
  const on: Device = device(level);
  const ones = (...shape: number[]) => Tensor.ones(shape, { device: on });
  const ints = (...values: number[]) => Tensor.from(Int32Array.from(values), { device: on });
  const rows = async (x: Tensor) => {
    const data = await x.data();
    const width = x.shape.at(-1)!;
    return Array.from({ length: x.shape[0]! }, (_, t) => [...data.subarray(t * width, (t + 1) * width)]);
  };

  test("keeps the share it should", async () => {
    const values = [...(await dropout(ones(500, 256), { ...where, rate: 0.1 }).data())];
    const share = values.reduce((sum, value) => sum + Number(value !== 0), 0) / values.length;
    expect(Math.abs(share - 0.9)).toBeLessThan(5 * Math.sqrt((0.9 * 0.1) / values.length)); // five standard deviations
    expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / 0.9)]));
  });
  test("a sequence draws the same mask alone, in a batch and in another order", async () => {
    const together = await rows(dropout(ones(12, 40), { ...where, offsets: ints(0, 5, 5, 8, 12), firstSequence: 10 }));
    const alone = await rows(dropout(ones(3, 40), { ...where, firstSequence: 12 }));
    expect(together.slice(5, 8)).toEqual(alone);
    const turned = { offsets: ints(0, 4, 7, 12), sequences: ints(13, 12, 10) };
    const other = await rows(dropout(ones(12, 40), { ...where, ...turned }));
    expect(other).toEqual([...together.slice(8, 12), ...together.slice(5, 8), ...together.slice(0, 5)]);
  });
  test("the gradient has the mask of the forward pass", async () => {
    const x = ones(9, 33);
    x.requiresGrad = true;
    const y = dropout(x, { ...where, offsets: ints(0, 4, 9) });
    y.backward({ gradient: ones(9, 33) });
    expect([...(await x.grad!.data())]).toEqual([...(await y.data())]);
  });
  test.each(["seed", "step", "site", "firstSequence"] as const)("another %s is another mask", async (name) => {
    const a = await dropout(ones(8, 64), where).data();
    const b = await dropout(ones(8, 64), { ...where, [name]: (where[name] ?? 0) + 1 }).data();
    expect([...a]).not.toEqual([...b]);
  });
  test("rate 0 copies, rate 1 gives zeros", async () => {
    const x = Tensor.from([[1, Number.NaN, 3]], { device: on });
    expect([...(await dropout(x, { ...where, rate: 0 }).data())]).toEqual([1, Number.NaN, 3]);
    expect([...(await dropout(x, { ...where, rate: 1 }).data())]).toEqual([0, 0, 0]);
  });
  test("further axes count as rows of their token", async () => {
    const flat = await rows(dropout(ones(6, 32), where));
    const deep = await dropout(ones(3, 2, 32), { ...where, offsets: ints(0, 3) }).data();
    expect([...deep]).toEqual(flat.flat());
  });
  test("offsets of another batch reject the read", async () => {
    const [read] = tensorScope(() => {
      const offsets = ints(0, 2).add(ints(0, 3)); // known to the device only
      return [dropout(ones(4, 8), { ...where, offsets }).data()];
    });
    await expect(read).rejects.toThrow("[dropout] offsets go from 0 to 5, but there are 4 rows");
  });
  test("offsets that fall reject the read", async () => {
    const [read] = tensorScope(() => {
      const offsets = ints(0, 3, 1, 4).add(ints(0, 0, 1, 0));
      return [dropout(ones(4, 8), { ...where, offsets }).data()];
    });
    await expect(read).rejects.toThrow("[dropout] offsets fall from 3 to 2 at sequence 1");
  });
});

test.each([[[20, 70]], [[9, 2, 64]]])("the mask of %j is the same on every device, to the bit", async (shape) => {
  const masks = [...new Set([...cpuOnly, ...levels])].flatMap((level) => {
    const on = { device: device(level) };
    const offsets = Tensor.from(Int32Array.of(0, 4, 4, shape[0]!), on);
    const sequences = Tensor.from(Int32Array.of(7, 1, 3), on);
    const packed = { ...where, seed: -3, step: 2 ** 40, site: 777, offsets, sequences };
    return (["float32", "bfloat16"] as const).map((dtype) =>
      dropout(Tensor.ones(shape, { ...on, dtype }), packed)
        .to("int32")
        .data(),
    );
  });
  const [first, ...others] = await Promise.all(masks);
  expect(new Set(first)).toEqual(new Set([0, 1]));
  for (const mask of others) expect([...mask]).toEqual([...first!]);
});

test("options that make no sense are named", () => {
  const x = Tensor.zeros([2, 2]);
  expect(() => dropout(x, { ...where, rate: 1.5 })).toThrow("[dropout] rate is 1.5. Pass a probability from 0 to 1.");
  expect(() => dropout(x, { ...where, seed: 0.5 })).toThrow("[dropout] seed is 0.5. Pass a whole number.");
  expect(() => dropout(x, { ...where, offsets: Tensor.from(Int32Array.of(0, 3)) })).toThrow(
    "[dropout] offsets end at 3, but x has 2 tokens",
  );
});
