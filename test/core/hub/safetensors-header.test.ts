import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EngineError, readSafetensorsHeader } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { uniformGenerator } from "../../../packages/core/src/tensor/random.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { ROOT } from "../../support/root.ts";
import { safetensors, writeSafetensors } from "../../support/safetensors.ts";

const folder = temporaryFolder();
const MIXED = join(ROOT, "test/fixtures/safetensors/mixed.safetensors");

const f32 = (shape: number[], begin: number, end: number) => ({ dtype: "F32", shape, data_offsets: [begin, end] });

test("names, types, shapes and places of a file that Python wrote", async () => {
  const { tensors, metadata } = await readSafetensorsHeader(MIXED);
  const size = readFileSync(MIXED).length;

  expect([...metadata]).toEqual([["format", "pt"]]);
  expect(tensors.size).toBe(18);
  expect(tensors.get("b.weight")).toMatchObject({ dtype: "F32", shape: [2, 3], bytes: 24, file: MIXED });
  expect(tensors.get("scalar")).toMatchObject({ shape: [], bytes: 4 });
  expect(tensors.get("empty")).toMatchObject({ shape: [0, 4], bytes: 0 });
  expect(Math.max(...[...tensors.values()].map(({ offset, bytes }) => offset + bytes))).toBe(size);
});

test("a name like __proto__ is a name like others", async () => {
  const path = writeSafetensors(
    join(folder, "proto"),
    '{"__proto__":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}',
    2,
  );

  const { tensors } = await readSafetensorsHeader(path);

  expect(tensors.get("__proto__")).toMatchObject({ name: "__proto__", dtype: "U8", bytes: 2 });
  expect(({} as Record<string, unknown>).dtype).toBeUndefined();
});

test("a file of no tensors is whole", async () => {
  expect((await readSafetensorsHeader(writeSafetensors(join(folder, "none"), "{}"))).tensors.size).toBe(0);
});

test.each<[string, object | string, number, string]>([
  ["no JSON", '{"a": ', 0, "the header is not JSON in UTF-8"],
  ["an array", "[1]", 0, 'the header starts with byte 91, not with "{"'],
  ["leading space", " {}", 0, "the header starts with byte 32"],
  ["a name twice", '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{}}', 0, 'names "a" twice'],
  ["a field twice", '{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}', 0, 'names "dtype" twice'],
  ["metadata of numbers", { __metadata__: { step: 3 } }, 0, '__metadata__ has "step", which is not a string'],
  ["metadata that is a string", { __metadata__: "pt" }, 0, "__metadata__ is not an object of strings"],
  ["a tensor that is a number", { a: 3 }, 0, 'tensor "a" is not an object'],
  ["an unknown field", { a: { ...f32([1], 0, 4), stride: 1 } }, 4, 'tensor "a" has a field "stride"'],
  ["an unknown dtype", { a: { ...f32([1], 0, 4), dtype: "F31" } }, 4, 'tensor "a": dtype is "F31"'],
  ["a dtype from the prototype", { a: { ...f32([1], 0, 4), dtype: "toString" } }, 4, 'dtype is "toString"'],
  ["no dtype", { a: { shape: [1], data_offsets: [0, 4] } }, 4, "dtype is missing"],
  ["a negative size", { a: f32([-1, -1], 0, 4) }, 4, 'tensor "a": shape is [-1,-1]'],
  ["half a size", { a: f32([0.5], 0, 2) }, 2, "shape is [0.5]"],
  ["a size past 2^53", { a: f32([2 ** 60], 0, 4) }, 4, "shape is [1152921504606847000]"],
  ["sizes whose product is past 2^53", { a: f32([2 ** 40, 2 ** 40], 0, 4) }, 4, "more elements than a file can hold"],
  ["a shape that is no array", { a: { ...f32([], 0, 4), shape: 1 } }, 4, "shape is 1, not an array"],
  ["one offset", { a: { ...f32([1], 0, 4), data_offsets: [0] } }, 4, "data_offsets is [0], not two whole numbers"],
  ["offsets backwards", { a: f32([1], 4, 0) }, 4, "data_offsets [4, 0] are not in order within 4 bytes"],
  ["offsets past the end", { a: f32([2], 0, 8) }, 4, "data_offsets [0, 8] are not in order within 4 bytes"],
  ["a size that does not match", { a: f32([2, 2], 0, 12) }, 12, "hold 12 bytes, but F32 [2,2] takes 16"],
  ["an overlap", { a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8, 'tensor "b" overlaps the one before it by 4 bytes'],
  ["one place for two", { a: f32([1], 0, 4), b: f32([1], 0, 4) }, 4, 'tensor "b" overlaps'],
  ["a hole", { a: f32([1], 4, 8) }, 8, '4 bytes before tensor "a" belong to no tensor'],
  ["bytes left over", { a: f32([1], 0, 4) }, 7, "the last 3 bytes belong to no tensor"],
])("a header with %s is refused", async (name, header, data, message) => {
  const path = writeSafetensors(join(folder, name), header, data);

  const failed = await readSafetensorsHeader(path).catch((error: unknown) => error);

  expect(failed).toBeInstanceOf(EngineError);
  expect((failed as Error).message).toContain(`[readSafetensorsHeader] ${path}: `);
  expect((failed as Error).message).toContain(message);
});

describe("lengths", () => {
  const withLength = (name: string, length: bigint, rest: number) => {
    const bytes = Buffer.alloc(8 + rest, " ");
    bytes.writeBigUInt64LE(length);
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };

  test.each<[string, string, string]>([
    ["absurd", withLength("absurd", 2n ** 63n, 10), "length is 9223372036854775808, 100000000 is the most"],
    ["past the limit", withLength("limit", 100_000_001n, 10), "length is 100000001, 100000000 is the most"],
    ["past the end", withLength("end", 11n, 10), "length is 11, but 10 bytes follow it"],
    ["zero", withLength("zero", 0n, 10), "length is 0, but"],
  ])("a header's length that is %s is refused before anything is read", async (_, path, message) => {
    await expect(readSafetensorsHeader(path)).rejects.toThrow(message);
  });

  test("a file of 7 bytes is too short", async () => {
    writeFileSync(join(folder, "seven"), Buffer.alloc(7));
    await expect(readSafetensorsHeader(join(folder, "seven"))).rejects.toThrow("7 bytes are too few");
  });

  test("a folder and a missing file are named", async () => {
    mkdirSync(join(folder, "sub"));
    await expect(readSafetensorsHeader(join(folder, "sub"))).rejects.toThrow(
      `${join(folder, "sub")}: this is not a file`,
    );
    await expect(readSafetensorsHeader(join(folder, "absent"))).rejects.toThrow(/absent: ENOENT/);
  });
});

test("6,000 damaged headers parse or are refused, and nothing else happens", async () => {
  const next = uniformGenerator(1);
  const upTo = (n: number) => Math.floor(next() * n);
  const valid = [
    readFileSync(MIXED),
    safetensors({ a: f32([1], 0, 4), b: f32([2, 3], 4, 28), __metadata__: { format: "pt" } }, 28),
  ];
  const tokens = ['"', "{", "}", "[", "]", ",", ":", "-1", "1e999", "9007199254740993", "null", "\\u0000", "__proto__"];
  const path = join(folder, "damaged");
  let parsed = 0;
  for (let round = 0; round < 6000; round++) {
    let bytes = Buffer.from(valid[round % 2]!);
    const kind = upTo(6);
    for (let change = 0; change <= upTo(3); change++) {
      const at = upTo(Math.min(bytes.length, 2000));
      if (kind === 0) bytes[at] = upTo(256);
      else if (kind === 1) bytes = bytes.subarray(0, at);
      else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + upTo(20))]);
      else if (kind === 3) bytes[upTo(8)] = upTo(256);
      else if (kind === 4) {
        const token = Buffer.from(tokens[upTo(tokens.length)]!);
        bytes = Buffer.concat([bytes.subarray(0, at), token, bytes.subarray(at)]);
        if (bytes.length > 8) bytes.writeBigUInt64LE(bytes.readBigUInt64LE() + BigInt(token.length));
      } else bytes = Buffer.from(Uint8Array.from({ length: upTo(64) }, () => upTo(256)));
      if (bytes.length === 0) break;
    }
    writeFileSync(path, bytes);
    try {
      const { tensors } = await readSafetensorsHeader(path);
      for (const { offset, bytes: size } of tensors.values()) expect(offset + size).toBeLessThanOrEqual(bytes.length);
      parsed++;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      expect(error.message).toContain(path);
    }
  }
  expect(parsed).toBeGreaterThan(60); // some damage lies in the data, where the header does not care
});
