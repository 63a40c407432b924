import { HubError } from "@ettin/core";
import type { EncodeOptions, FromPretrainedOptions, SentenceTransformer } from "@ettin/dense";
import { choiceOption, given, numberOption, textOption } from "./arguments.ts";
import type { OptionSpecs, OptionValues, Terminal } from "./command.ts";
import { LOAD_OPTIONS, progressLine } from "./load.ts";

/** Options of commands that make vectors of texts. */
export const ENCODE_OPTIONS: OptionSpecs = {
  prompt: { type: "string", value: "text", help: "goes before each text, in place of the model's prompt" },
  "prompt-name": { type: "string", value: "name", help: "one of the model's prompts, by its name" },
  "truncate-dim": { type: "string", value: "n", help: "keep only the first n dimensions" },
  "max-length": { type: "string", value: "n", help: "cut texts to n tokens (default: the model's)" },
  "batch-tokens": { type: "string", value: "n", help: "computed at once; memory only (default: 1024, on a GPU 16384)" },
  ...LOAD_OPTIONS,
};

/** A model of a folder or of the hub. What is remarkable about its files goes to the error output. */
export async function loadDense(
  model: string,
  options: OptionValues,
  terminal: Terminal,
  more: FromPretrainedOptions = {},
): Promise<SentenceTransformer> {
  const { SentenceTransformer } = await import("@ettin/dense"); // other commands do not wait for it
  return SentenceTransformer.fromPretrained(model, {
    signal: terminal.signal,
    onProgress: progressLine(terminal),
    onNotice: (notice) => terminal.writeError(`ettin: ${notice}\n`),
    ...given({
      revision: textOption(options, "revision"),
      dtype: choiceOption(options, "dtype", ["float32", "bfloat16"]),
      truncateDim: numberOption(options, "truncate-dim", { whole: true, min: 1 }),
      maxSeqLength: numberOption(options, "max-length", { whole: true, min: 1 }),
    }),
    ...more,
  }).catch((error: unknown) => {
    // A name alone is looked for among those of sentence-transformers; as a folder it is what was typed.
    if (!(error instanceof HubError)) throw error;
    const what = error.what.replace(`no folder sentence-transformers/${model} here`, `no folder ${model} here`);
    throw new HubError(error.where, error.code, what, error.wayOut, { cause: error });
  });
}

/** What the options say about encoding. */
export const encodeSettings = (
  options: OptionValues,
): Pick<EncodeOptions, "prompt" | "promptName" | "maxTokensPerBatch"> =>
  given({
    prompt: textOption(options, "prompt"),
    promptName: textOption(options, "prompt-name"),
    maxTokensPerBatch: numberOption(options, "batch-tokens", { whole: true, min: 1 }),
  });
