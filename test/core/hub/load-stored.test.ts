import { truncateSync } from "node:fs";
import { join } from "node:path";
import {
  type Device,
  defaultDevice,
  loadStored,
  memoryStats,
  readSafetensorsHeader,
  synchronize,
  Tensor,
} from "@ettin/core";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { read } from "../../support/read.ts";
import { ROOT } from "../../support/root.ts";
import { writeSafetensors } from "../../support/safetensors.ts";

const folder = temporaryFolder();
const mixed = await readSafetensorsHeader(join(ROOT, "test/fixtures/safetensors/mixed.safetensors"));
const stored = (name: string) => mixed.tensors.get(name)!;

/** As a GPU does, this device reads no memory but its own: mapping a file would copy all of it for each tensor. */
const apart: Device = {
  name: "apart",
  backend: {
    ...defaultDevice().backend,
    capabilities: { ...defaultDevice().backend.capabilities, hostMemory: false },
    mapFile: () => {
      throw new Error("this device maps no file");
    },
  },
};

// scripts/reference/safetensors_check.py: element i of a floating-point tensor is 0.75 i - 1.5, of a signed one i - 1,
// of an unsigned one i + 1, of a boolean one i mod 2.
test.each<[string, "float32" | "bfloat16" | "int32", number[]]>([
  ["b.weight", "float32", [-1.5, -0.75, 0, 0.75, 1.5, 2.25]],
  ["b.weight", "bfloat16", [-1.5, -0.75, 0, 0.75, 1.5, 2.25]],
  ["brain", "bfloat16", [-1.5, -0.75, 0, 0.75]],
  ["brain", "float32", [-1.5, -0.75, 0, 0.75]],
  ["half", "float32", [-1.5, -0.75, 0, 0.75]],
  ["half", "bfloat16", [-1.5, -0.75, 0, 0.75]],
  ["double", "float32", [-1.5, -0.75]],
  ["scalar", "float32", [-1.5]],
  ["empty", "float32", []],
  ["int", "int32", [-1, 0, 1]],
  ["long", "int32", [-1, 0]],
  ["short", "int32", [-1, 0, 1]],
  ["tiny", "int32", [-1, 0, 1]],
  ["byte", "int32", [1, 2, 3]],
  ["u16", "int32", [1, 2, 3]],
  ["u32", "int32", [1, 2, 3]],
  ["u64", "int32", [1, 2]],
  ["flag", "int32", [0, 1, 0]],
])("%s loads as %s", async (name, dtype, values) => {
  for (const device of [defaultDevice(), apart]) {
    const tensor = loadStored(stored(name), { dtype, device });

    expect(tensor.shape).toEqual(stored(name).shape);
    expect(tensor.dtype).toBe(dtype);
    expect([...(await tensor.data())]).toEqual(values);
    tensor.dispose();
  }
});

test.each<[string, "float32" | "int32", string]>([
  ["long", "float32", '"long" is I64 [2], but float32 is needed'],
  ["b.weight", "int32", '"b.weight" is F32 [2, 3], but int32 is needed'],
])("%s does not load as %s", (name, dtype, message) => {
  expect(() => loadStored(stored(name), { dtype })).toThrow(message);
});

test("float8 is refused by name", async () => {
  const path = writeSafetensors(join(folder, "f8"), { a: { dtype: "F8_E4M3", shape: [1], data_offsets: [0, 1] } }, 1);
  const a = (await readSafetensorsHeader(path)).tensors.get("a")!;
  expect(() => loadStored(a, { dtype: "float32" })).toThrow(`${path}: tensor "a" is F8_E4M3 [1]`);
});

test("an integer beyond 32 bits is named", async () => {
  const data = new Uint8Array(BigInt64Array.of(1n, 1n << 40n).buffer);
  const header = { a: { dtype: "I64", shape: [2], data_offsets: [0, 16] } };
  const a = (await readSafetensorsHeader(writeSafetensors(join(folder, "big"), header, data))).tensors.get("a")!;
  expect(() => loadStored(a, { dtype: "int32" })).toThrow(
    'tensor "a" has 1099511627776, which does not fit in 32 bits',
  );
});

/** A file of one tensor after a byte, so that it lies at an odd place. */
async function odd(values: Float32Array, dtype: "F32" | "BF16") {
  const bytes = Buffer.from(values.buffer);
  const high = Buffer.concat(Array.from(values, (_, i) => bytes.subarray(4 * i + 2, 4 * i + 4)));
  const data = Buffer.concat([Buffer.of(1), dtype === "F32" ? bytes : high]);
  const text = JSON.stringify({
    first: { dtype: "U8", shape: [1], data_offsets: [0, 1] },
    x: { dtype, shape: [values.length / 2, 2], data_offsets: [1, data.length] },
  });
  const path = writeSafetensors(join(folder, `odd-${dtype}`), text.padEnd(Math.ceil(text.length / 8) * 8), data);
  return (await readSafetensorsHeader(path)).tensors.get("x")!;
}

test.each(["F32", "BF16"] as const)("%s at an odd place loads", async (dtype) => {
  const values = Float32Array.of(1, -2, 0.5, 384, -0, 2 ** -126);
  const x = await odd(values, dtype);
  expect(x.offset % 2).toBe(1);
  expect([...(await read(() => loadStored(x, { dtype: "float32" })))]).toEqual([...values]);
  expect([...(await read(() => loadStored(x, { dtype: "bfloat16" })))]).toEqual([...values]);
});

test("tensors fill rows of a larger one, whatever their types and places", async () => {
  for (const device of [defaultDevice(), apart]) await fillsRows(Tensor.zeros([6, 2], { device }));
});

async function fillsRows(into: Tensor): Promise<void> {
  const whole = { a: { dtype: "F32", shape: [2, 2], data_offsets: [0, 16] } };
  const path = writeSafetensors(
    join(folder, "rows"),
    JSON.stringify(whole).padEnd(64),
    new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer),
  );
  const a = (await readSafetensorsHeader(path)).tensors.get("a")!;

  loadStored(a, { dtype: "float32", rows: { into, start: 1 } });
  loadStored(await odd(Float32Array.of(5, 6, 7, 8), "BF16"), { dtype: "float32", rows: { into, start: 4 } });

  expect([...(await into.data())]).toEqual([0, 0, 1, 2, 3, 4, 0, 0, 5, 6, 7, 8]);
  expect(() => loadStored(a, { dtype: "float32", rows: { into, start: 5 } })).toThrow("is to fill rows 5 on of [6, 2]");
  expect(() => loadStored(stored("b.weight"), { dtype: "float32", rows: { into, start: 0 } })).toThrow(
    "[2, 3] is to fill",
  );
  expect(() => loadStored(a, { dtype: "bfloat16", rows: { into, start: 0 } })).toThrow("but dtype is bfloat16");
  into.dispose();
}

test("seven dimensions load", async () => {
  const shape = [1, 2, 1, 1, 1, 1, 2];
  const data = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
  const header = JSON.stringify({ a: { dtype: "F32", shape, data_offsets: [0, 16] } }).padEnd(80);
  const a = (await readSafetensorsHeader(writeSafetensors(join(folder, "seven"), header, data))).tensors.get("a")!;
  const tensor = loadStored(a, { dtype: "float32" });
  expect(tensor.shape).toEqual(shape);
  expect([...(await tensor.data())]).toEqual([1, 2, 3, 4]);
  tensor.dispose();
});

test("2.5 million half-precision numbers load in pieces", async () => {
  const count = 2_500_000;
  const data = new Uint8Array(Uint16Array.from({ length: count }, (_, i) => 0x3c00 + (i % 1024)).buffer); // 1 + i/1024
  const path = writeSafetensors(
    join(folder, "half"),
    { a: { dtype: "F16", shape: [count], data_offsets: [0, 2 * count] } },
    data,
  );
  const a = (await readSafetensorsHeader(path)).tensors.get("a")!;
  const values = await read(() => loadStored(a, { dtype: "float32" }));
  const at = [0, 1, 1023, 1 << 20, count - 1];
  expect(at.map((i) => values[i])).toEqual(at.map((i) => 1 + (i % 1024) / 1024));
});

test("a file that became shorter is named, and no memory stays", async () => {
  const header = JSON.stringify({ a: { dtype: "F32", shape: [4], data_offsets: [0, 16] } }).padEnd(64);
  const path = writeSafetensors(join(folder, "short"), header, 16);
  const a = (await readSafetensorsHeader(path)).tensors.get("a")!;
  truncateSync(path, 8 + 64 + 12);
  await synchronize();
  const before = memoryStats().current;

  expect(() => loadStored(a, { dtype: "float32" })).toThrow(`tensor "a" ends at byte ${8 + 64 + 16}, but the file has`);
  expect(() => loadStored({ ...a, offset: a.offset + 1 }, { dtype: "float32" })).toThrow(
    "It changed after it was opened",
  );
  await synchronize();
  expect(memoryStats().current).toBe(before);
});
