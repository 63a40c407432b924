/** Rules and warpers against those of transformers: scripts/reference/generation.py. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { drawPlace, drawUniform, philox } from "../../../packages/core/src/generation/draw-token.ts";
import { GenerationConfig } from "../../../packages/core/src/generation/generation-config.ts";
import { process, processorsOf } from "../../../packages/core/src/generation/processors.ts";
import { resolveSettings } from "../../../packages/core/src/generation/resolve-settings.ts";
import { GrowingHistory } from "../../../packages/core/src/generation/score-processor.ts";
import { largestAt, selectByMass } from "../../../packages/core/src/generation/select-by-mass.ts";
import { topPWarper } from "../../../packages/core/src/generation/warpers.ts";
import { generator } from "../../support/array64.ts";
import { ROOT } from "../../support/root.ts";

type Scores = readonly (number | "nan" | "inf" | "-inf")[];
interface Fixture {
  readonly eos: number[];
  readonly sequences: readonly { prompt: number; ids: number[] }[];
  readonly scores: readonly Scores[];
  readonly apart: readonly Scores[];
  readonly invalid: readonly Scores[];
  readonly cases: readonly {
    options: Record<string, unknown>;
    newTokens: number;
    from: "scores" | "apart" | "invalid";
    processed: readonly Scores[];
  }[];
}

const fixture = JSON.parse(
  readFileSync(join(ROOT, "test/fixtures/generation/processors.json"), "utf8"),
) as unknown as Fixture;

const special = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, "-inf": Number.NEGATIVE_INFINITY };
const numbers = (scores: Scores) => Float32Array.from(scores, (x) => (typeof x === "string" ? special[x] : x));

describe("scores come out as transformers' processors give them", () => {
  const model = { vocabSize: 50, bosTokenId: 1, eosTokenId: fixture.eos, padTokenId: 0 };

  test.each(fixture.cases.map((each) => [JSON.stringify(each.options), each] as const))(
    "%s",
    (_, { options, newTokens, from, processed }) => {
      const config = GenerationConfig.fromJson(options);
      expect(config.extra).toEqual({});
      const settings = resolveSettings("generate", { eosTokenId: fixture.eos }, config, model);
      const processors = processorsOf(settings);
      for (const [i, { prompt, ids }] of fixture.sequences.entries()) {
        const history = new GrowingHistory(ids.slice(0, prompt), Math.max(newTokens, ids.length));
        for (const id of ids.slice(prompt)) history.push(id);
        const scores = numbers(fixture[from][i]!);
        process(scores, { ...history, ids: history.ids, mostNewTokens: newTokens }, processors);
        const expected = numbers(processed[i]!);
        for (let id = 0; id < expected.length; id++) {
          const [got, want] = [scores[id]!, expected[id]!];
          if (Number.isFinite(want)) {
            expect(Math.abs(got - want), `sequence ${i}, id ${id}: ${got} for ${want}`).toBeLessThanOrEqual(
              4e-6 * Math.max(1, Math.abs(want)),
            );
          } else expect(got, `sequence ${i}, id ${id}`).toBe(want);
        }
      }
    },
  );
});

describe("selection without sorting", () => {
  const next = generator(4);

  test("finds the k-th largest, equals counted one by one", () => {
    for (const size of [1, 2, 15, 33, 500]) {
      const x = Float32Array.from({ length: size }, () => Math.floor(next() * 40));
      const sorted = x.slice().sort().reverse();
      for (let k = 1; k <= size; k++) expect(largestAt(x, k)).toBe(sorted[k - 1]);
    }
  });

  test("takes as few entries as weigh enough, in the order of their keys", () => {
    for (const size of [1, 5, 17, 100, 1000]) {
      for (const levels of [3, 1e6]) {
        const key = Float64Array.from({ length: size }, () => Math.floor(next() * levels));
        const weight = Float64Array.from({ length: size }, () => next());
        const total = weight.reduce((a, b) => a + b, 0);
        for (const share of [0, 0.01, 0.5, 0.99, 1, 2]) {
          const order = Int32Array.from({ length: size }, (_, i) => i);
          const chosen = order.subarray(0, selectByMass(order, key, weight, share * total));
          expect(new Set(order).size).toBe(size);
          const mass = (entries: Int32Array) => entries.reduce((sum, entry) => sum + weight[entry]!, 0);
          const largest = chosen.reduce((most, entry) => Math.max(most, key[entry]!), 0);
          const rest = order.subarray(chosen.length).reduce((least, entry) => Math.min(least, key[entry]!), Infinity);
          expect(largest).toBeLessThanOrEqual(rest);
          expect(chosen.length).toBeGreaterThan(0);
          if (share < 0.999) {
            expect(mass(chosen)).toBeGreaterThanOrEqual(share * total - 1e-9);
            const lighter = [...chosen].filter((entry) => key[entry]! < largest);
            expect(mass(Int32Array.from(lighter))).toBeLessThanOrEqual(share * total + 1e-9);
          } else expect(chosen.length).toBe(size);
        }
      }
    }
  });

  test("of equals at the end of topP's mass the last ones stay, as behind a stable ascending sort", () => {
    const scores = Float32Array.of(1, 0, 0, 0, 0); // probabilities e, 1, 1, 1, 1 over 6.72: 0.40, 0.149 …
    topPWarper(0.6, 1)(scores); // 0.40 + 0.149 + 0.149 > 0.6
    expect(Array.from(scores)).toEqual([1, -Infinity, -Infinity, 0, 0]);
  });
});

describe("draws", () => {
  test("come from Philox 4x32-10, as its authors' known answers", () => {
    expect(philox([0, 0, 0, 0], [0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    const ones = 0xffffffff;
    expect(philox([ones, ones, ones, ones], [ones, ones])).toEqual([0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
    expect(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toEqual([
      0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
    ]);
  });

  test("have the probabilities that the scores give: chi-square over 20,000", () => {
    const probabilities = [0.02, 0.28, 0.1, 0, 0.35, 0.05, 0.2];
    const scores = Float32Array.from(probabilities, (p) => Math.log(p) + 3);
    const counts = probabilities.map(() => 0);
    const draws = 20_000;
    for (let i = 0; i < draws; i++) counts[drawPlace(scores, drawUniform(11, i % 10, Math.floor(i / 10)))]!++;
    expect(counts[3]).toBe(0);
    const chiSquare = probabilities.reduce(
      (sum, p, i) => (p === 0 ? sum : sum + (counts[i]! - draws * p) ** 2 / (draws * p)),
      0,
    );
    expect(chiSquare).toBeLessThan(20.5); // 5 degrees of freedom: above it once in a thousand seeds
  });

  test("differ by seed, sequence and position, and never reach 1", () => {
    const seen = new Set<number>();
    for (const seed of [0, 1, 2 ** 32, 2 ** 40 + 1]) {
      for (let sequence = 0; sequence < 5; sequence++) {
        for (let position = 0; position < 50; position++) {
          const uniform = drawUniform(seed, sequence, position);
          expect(uniform >= 0 && uniform < 1).toBe(true);
          seen.add(uniform);
        }
      }
    }
    expect(seen.size).toBe(4 * 5 * 50);
    expect(drawPlace(Float32Array.of(-Infinity, 0, -Infinity), 1 - 2 ** -53)).toBe(1);
    expect(drawPlace(Float32Array.of(-Infinity, -Infinity), 0.5)).toBe(-1);
  });
});
