/** Continuations of tiny decoders against transformers' `generate`: scripts/reference/generation.py. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AutoModelForCausalLM, type CausalLM, type GenerateOptions, GenerationConfig, generate } from "@ettin/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { device, levels } from "../../support/devices.ts";
import { ROOT } from "../../support/root.ts";

const FOLDER = join(ROOT, "test/fixtures/generation");

interface Fixture {
  readonly prompts: number[][];
  readonly models: readonly {
    readonly name: string;
    readonly calls: readonly {
      readonly options: Record<string, unknown>;
      /** Per prompt, and with several sequences of each, one after the other. */
      readonly results: readonly { readonly ids: number[]; readonly score?: number }[];
    }[];
  }[];
}

const fixture = JSON.parse(readFileSync(join(FOLDER, "sequences.json"), "utf8")) as Fixture;

/** Options as generation_config.json spells them; eos null is not the configuration's but none. */
const optionsOf = (options: Record<string, unknown>): GenerateOptions => ({
  ...GenerationConfig.fromJson(options).settings,
  ...(options.eos_token_id === null && { eosTokenId: null }),
});

describe.each(levels)("generate on %s", (level) => {
  describe.each(fixture.models)("with the tiny $name", ({ name, calls }) => {
    let model: CausalLM;
    beforeAll(async () => {
      model = await AutoModelForCausalLM.fromPretrained(join(FOLDER, name), { device: device(level) });
      await generate(model, [[1]], { maxNewTokens: 100 }); // its rotary tables outlive a test
    });
    afterAll(() => model.dispose());

    test.each(calls.map((call) => [JSON.stringify(call.options), call] as const))(
      "%s: gives the ids of transformers",
      async (_, { options, results }) => {
        const got = await generate(model, fixture.prompts, optionsOf(options));
        const each = results.length / fixture.prompts.length;
        expect(got.map(({ prompt }) => prompt)).toEqual(results.map((_, i) => Math.floor(i / each)));
        expect(got.map(({ ids }) => Array.from(ids))).toEqual(results.map(({ ids }) => ids));
        for (const [i, { score }] of results.entries()) {
          if (score !== undefined) expect(Math.abs(got[i]!.score! - score)).toBeLessThanOrEqual(2e-5 * Math.abs(score));
        }
      },
    );
  });
});
