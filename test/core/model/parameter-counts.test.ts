import {
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  ModernBertDecoderForCausalLM,
  ModernBertDecoderModel,
  ModernBertForMaskedLM,
  ModernBertModel,
  parameterCount,
} from "@ettin/core";
import { describe, expect, test } from "vitest";

/** The table of the published suite: the model alone, and with its tied head. */
const published = [
  ["17m", 16_797_440, 16_913_600],
  ["32m", 31_883_136, 32_081_344],
  ["68m", 68_144_640, 68_457_664],
  ["150m", 149_014_272, 149_655_232],
  ["400m", 394_781_696, 395_881_664],
  ["1b", 1_028_050_688, 1_031_314_112],
] as const;

describe("the Ettin sizes have the published numbers of parameters", () => {
  test.each(published)("%s", (size, base, withHead) => {
    expect(parameterCount(ModernBertModel, `ettin-encoder-${size}`)).toBe(base);
    expect(parameterCount(ModernBertDecoderModel, `ettin-decoder-${size}`)).toBe(base);
    expect(parameterCount(ModernBertForMaskedLM, `ettin-encoder-${size}`)).toBe(withHead);
    expect(parameterCount(ModernBertDecoderForCausalLM, `ettin-decoder-${size}`)).toBe(withHead);
  });

  test("another name is refused with the names that there are", () => {
    expect(() => parameterCount(ModernBertModel, "ettin-encoder-7b")).toThrow(
      '[fromConfig] there is no configuration "ettin-encoder-7b". Use one of ettin-encoder-17m, ettin-encoder-32m',
    );
  });
});

test("AutoModel knows the kind by the name", () => {
  const model = AutoModelForMaskedLM.fromConfig("ettin-encoder-17m", { dtype: "bfloat16" });
  expect(model).toBeInstanceOf(ModernBertForMaskedLM);
  expect(model.parameterCount).toBe(16_913_600);
  model.dispose();
  expect(() => AutoModelForCausalLM.fromConfig("ettin-encoder-17m")).toThrow(
    '[AutoModelForCausalLM] modelType is "modernbert". This class knows "modernbert-decoder", "llama".',
  );
});
