import { AutoModelForCausalLM, type GenerateOptions, streamText } from "@ettin/core";
import { numberOption } from "../arguments.ts";
import { type Command, type OptionValues, UsageError } from "../command.ts";
import { endBefore } from "../end-before.ts";
import { LOAD_OPTIONS, load } from "../load.ts";

export const generate: Command = {
  name: "generate",
  summary: "continue a text, word by word",
  operands: ["model", "prompt"],
  options: {
    "max-new-tokens": { type: "string", value: "n", help: "tokens to add at most (default: 100)" },
    sample: { type: "boolean", help: "draw tokens by their probabilities; without it the best one is taken each time" },
    temperature: { type: "string", value: "x", help: "above 0; above 1 more varied, below 1 less; implies --sample" },
    "top-k": { type: "string", value: "n", help: "draw among the n best only; implies --sample" },
    "top-p": { type: "string", value: "p", help: "draw among the best that make up p together; implies --sample" },
    "min-p": { type: "string", value: "p", help: "draw among those above p times the best; implies --sample" },
    seed: { type: "string", value: "n", help: "the same seed draws the same text; implies --sample" },
    "repetition-penalty": { type: "string", value: "x", help: "above 1 makes tokens that are there less likely" },
    "no-special-tokens": {
      type: "boolean",
      help: "add none to the prompt, such as a [SEP] that ends it",
    },
    stop: { type: "string", multiple: true, value: "text", help: "end before this text; may be given several times" },
    ...LOAD_OPTIONS,
  },
  notes: "The prompt is not repeated. Settings that are not given come from the model's generation_config.json.",
  async run([name = "", prompt = ""], options, terminal) {
    const settings = settingsOf(options); // before anything is loaded
    const stop = (options.stop ?? []) as readonly string[];
    const { model, tokenizer } = await load(AutoModelForCausalLM, name, options, terminal);
    const onNotice = (notice: string) =>
      terminal.writeError(`ettin: ${notice.replace("Set addSpecialTokens: false", "Pass --no-special-tokens")}\n`);
    try {
      const pieces = streamText(model, tokenizer, prompt, { ...settings, onNotice, signal: terminal.signal });
      for await (const piece of endBefore(stop, prompt, pieces)) terminal.write(piece);
      terminal.write("\n");
      return 0;
    } finally {
      model.dispose();
    }
  },
};

function settingsOf(options: OptionValues): GenerateOptions {
  const settings: GenerateOptions = {
    maxNewTokens: numberOption(options, "max-new-tokens", { whole: true, min: 1 }) ?? 100,
  };
  const temperature = numberOption(options, "temperature", { above: 0 });
  const topK = numberOption(options, "top-k", { whole: true, min: 0 });
  const topP = numberOption(options, "top-p", { min: 0, max: 1 });
  const minP = numberOption(options, "min-p", { min: 0, max: 1 });
  const seed = numberOption(options, "seed", { whole: true, min: 0 });
  const repetitionPenalty = numberOption(options, "repetition-penalty", { above: 0 });
  if (temperature !== undefined) settings.temperature = temperature;
  if (topK !== undefined) settings.topK = topK;
  if (topP !== undefined) settings.topP = topP;
  if (minP !== undefined) settings.minP = minP;
  if (seed !== undefined) settings.seed = seed;
  if (repetitionPenalty !== undefined) settings.repetitionPenalty = repetitionPenalty;
  if ((options.stop as readonly string[] | undefined)?.includes("")) {
    throw new UsageError('--stop is "", but a text that ends the output is needed');
  }
  if (options.stop) settings.stopStrings = options.stop as readonly string[];
  if (options["no-special-tokens"]) settings.addSpecialTokens = false;
  const drawing = [temperature, topK, topP, minP, seed].some((value) => value !== undefined);
  if (options.sample || drawing) settings.doSample = true;
  return settings;
}
