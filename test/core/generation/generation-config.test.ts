/** What a checkpoint's file may say without being in the way. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  AutoModelForCausalLM,
  type CausalLM,
  type GenerateOptions,
  GenerationConfig,
  ModernBertDecoderForCausalLM,
} from "@ettin/core";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";

const small = {
  vocabSize: 64,
  hiddenSize: 32,
  intermediateSize: 48,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  eosTokenId: 2,
};

/** A call of a model with a generation_config.json. */
async function call(json: object, options: GenerateOptions = {}) {
  const folder = temporaryFolder();
  const made = ModernBertDecoderForCausalLM.fromConfig(small);
  await made.savePretrained(folder);
  made.dispose();
  const file = join(folder, "generation_config.json");
  writeFileSync(file, JSON.stringify(json));
  const model: CausalLM = await AutoModelForCausalLM.fromPretrained(folder);
  const result = await model.generate([[5, 6]], { maxNewTokens: 2, seed: 1, ...options }).then(
    ([sequence]) => sequence!.ids.length,
    (error: Error) => error.message.replace(file, "FILE"),
  );
  model.dispose();
  return result;
}

describe("a generation_config.json", () => {
  test.each([
    { do_sample: false, temperature: 0, top_p: 2, top_k: -1 },
    { temperature: 0 },
    { stop_strings: [], bad_words_ids: [], sequence_bias: [], suppress_tokens: [], forced_eos_token_id: [] },
    { stop_strings: "" },
    { pad_token_id: -1, bos_token_id: -1, eos_token_id: -1, forced_bos_token_id: -1 },
  ])("may hold %j", async (json) => {
    expect(await call(json)).toBe(2);
    expect(GenerationConfig.fromJson(json).toJson()).toEqual(json); // and is written back
  });

  test("of sampling is checked when there is a draw, with what the caller put over it", async () => {
    const message = "[generate] temperature in FILE is 0. It has to be a number above 0; for the best token";
    expect(await call({ do_sample: true, temperature: 0 })).toMatch(message);
    expect(await call({ temperature: 0 }, { doSample: true })).toMatch(message);
    expect(await call({ do_sample: true }, { temperature: 0 })).toMatch(
      "[generate] temperature is 0. It has to be a number",
    );
    expect(await call({ do_sample: true, temperature: 0 }, { temperature: 0.5 })).toBe(2);
    expect(GenerationConfig.of({ doSample: false, temperature: 0 }).toJson()).toEqual({
      do_sample: false,
      temperature: 0,
    });
    expect(await call({ do_sample: true, temperature: 0 }, { doSample: false })).toBe(2);
    expect(await call({ do_sample: true, top_p: "most" })).toMatch('[generate] top_p in FILE is "most"');
    const generationConfig = GenerationConfig.fromJson({ top_p: 3 }, "mine.json");
    expect(await call({ do_sample: true }, { generationConfig })).toMatch("[generate] top_p in mine.json is 3");
  });

  test("that does not fit is named with its folder", async () => {
    expect(await call({ num_beams: 0 })).toMatch("num_beams in FILE is 0. It has to be a whole number from 1 on");
    expect(await call({ pad_token_id: -2 })).toMatch("pad_token_id in FILE is -2");
  });
});
