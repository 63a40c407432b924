import { counterGenerator } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { philox } from "../../../packages/core/src/tensor/philox.ts";
import { keyOf, philox as plainPhilox } from "../../support/philox.ts";

const hex = (words: Uint32Array) => Array.from(words, (word) => word.toString(16).padStart(8, "0")).join(" ");

describe("philox", () => {
  // kat_vectors of Random123, the authors' own library: philox4x32 with 10 rounds.
  test.each([
    [[0, 0, 0, 0], [0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
    [[0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], "408f276d 41c83b0e a20bc7c6 6d5451fd"],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0], "d16cfe09 94fdcceb 5001e420 24126ea1"],
  ])("counter %j with key %j gives the words that its authors publish", (counter, key, expected) => {
    const words = new Uint32Array(4);
    philox(words, counter[0]!, counter[1]!, counter[2]!, counter[3]!, [key[0]!, key[1]!]);
    expect(hex(words)).toBe(expected);
  });

  test.each([
    [0, 0],
    [21, 7],
    [-3, 2 ** 40],
    [2 ** 53 - 1, 1],
  ])("seed %d and step %d draw with the key that the kernels' dropout has", (seed, step) => {
    const draw = counterGenerator(seed, step);
    const words = new Uint32Array(4);
    const counters: [number, number, number, number][] = [
      [0, 0, 0, 0],
      [1, 2, 3, 4],
      [2 ** 32 - 1, 5, 2 ** 31, 6],
    ];
    for (const counter of counters) {
      draw(words, ...counter);
      expect([...words]).toEqual(plainPhilox(counter, keyOf(seed, step)));
    }
  });

  test("a seed that is no whole number is an error", () => {
    expect(() => counterGenerator(0.5, 0)).toThrow("[counterGenerator] seed is 0.5. Pass a whole number.");
  });
});
