import { type Device, rotary, rotaryTable, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { normal } from "../../support/array64.ts";
import { rotary64 } from "../../support/attention64.ts";
import { checkOp } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";
import { read } from "../../support/read.ts";

const base = 50;
const angle = (dim: number) => (position: number, j: number) =>
  Math.fround(position * Math.fround(1 / Math.fround(base ** Math.fround((2 * j) / dim))));

const settings: Record<string, { dim: number; heads: number; offsets: number[]; starts?: number[] }> = {
  "sequences of 1, 31, 32, 33 and no tokens": { dim: 8, heads: 2, offsets: [0, 1, 32, 32, 64, 97] },
  "behind a cache": { dim: 16, heads: 1, offsets: [0, 1, 5], starts: [40, 7] },
  "head size 24": { dim: 24, heads: 3, offsets: [0, 9] },
  "head size 64, more rows than a task": { dim: 64, heads: 2, offsets: [0, 150, 190] },
  "head size 2": { dim: 2, heads: 1, offsets: [0, 3] },
  "no tokens": { dim: 8, heads: 1, offsets: [0, 0] },
};

const int32 = (values: readonly number[], on: Device) => Tensor.from(Int32Array.from(values), { device: on });

checkOp("rotary", {
  op: ([x], on, name) => {
    const { dim, offsets, starts } = settings[name]!;
    const table = rotaryTable({ positions: 150, dim, base, device: on });
    return rotary(x!, table, int32(offsets, on), { starts: starts && int32(starts, on) });
  },
  reference: ([x], name) => {
    const { dim, offsets, starts } = settings[name]!;
    return rotary64(x!, offsets, angle(dim), starts);
  },
  cases: Object.entries(settings).map(([name, { dim, heads, offsets }]) => ({
    name,
    inputs: [normal([offsets.at(-1)!, heads, dim])],
  })),
});

describe.each(levels)("rotary on %s", (level) => {
  const on = device(level);

  test("position 0 stays as it is, and lengths never change", async () => {
    const x = normal([3, 1, 8]);
    const table = rotaryTable({ positions: 3, dim: 8, base, device: on });
    const y = await rotary(
      Tensor.from(Float32Array.from(x.data), { shape: x.shape, device: on }),
      table,
      int32([0, 3], on),
    ).data();
    expect(y.slice(0, 8)).toEqual(Float32Array.from(x.data.slice(0, 8)));
    for (let t = 0; t < 3; t++) {
      const length = (v: ArrayLike<number>) => Math.hypot(...Array.from(v).slice(t * 8, t * 8 + 8));
      expect(length(y)).toBeCloseTo(length(x.data), 5);
    }
  });
});

describe("rotaryTable", () => {
  test("turns the first pair by one radian a position, and the others slower by the base", async () => {
    const { cos, sin } = rotaryTable({ positions: 3, dim: 4, base: 100 });
    expect(cos.shape).toEqual([3, 2]);
    const close = (values: number[]) => values.map((value) => expect.closeTo(value, 6));
    // angles: position × (1, 100^(−1/2) = 0.1)
    expect(Array.from(await cos.data())).toEqual(close([1, 1, Math.cos(1), Math.cos(0.1), Math.cos(2), Math.cos(0.2)]));
    expect(Array.from(await sin.data())).toEqual(close([0, 0, Math.sin(1), Math.sin(0.1), Math.sin(2), Math.sin(0.2)]));
  });

  test("an odd head size and a table that is too short are named", async () => {
    expect(() => rotaryTable({ positions: 3, dim: 5, base })).toThrow("[rotaryTable] dim is 5");
    const turn = (dim: number) => {
      const offsets = Tensor.from(Int32Array.of(0, 4));
      return rotary(Tensor.zeros([4, 1, 8]), rotaryTable({ positions: 3, dim, base }), offsets);
    };
    await expect(read(() => turn(8))).rejects.toThrow(
      "sequence 0 stands at positions 0 to 3, but the rotary table has 3",
    );
    expect(() => turn(16)).toThrow("[rotary] cos has shape [3, 8], but [positions, 4] is needed");
  });
});
