import { given, numberOption, textOption } from "../arguments.ts";
import type { Command } from "../command.ts";
import { checkOutputFolder } from "../output-place.ts";
import { counter, endCounter, neededOption, PREPARE_OPTIONS } from "../prepare-options.ts";
import { columns, countText } from "../units.ts";

export const dataChunk: Command = {
  name: "data chunk",
  summary: "cut tokenized documents to the length that a phase trains on",
  operands: ["folder"],
  options: {
    ...PREPARE_OPTIONS,
    "chunk-tokens": { type: "string", value: "n", help: "most tokens of a chunk (default: 1024)" },
    "min-tokens": { type: "string", value: "n", help: "a shorter last piece takes tokens from the one before (512)" },
    "skip-tokens": { type: "string", value: "n", help: "a piece after the first that is shorter is dropped (128)" },
    "skip-short-documents": { type: "boolean", help: "drop documents that are shorter than that, too" },
    "append-eos": { type: "boolean", help: "end documents with the token that ends texts" },
    seed: { type: "string", value: "n", help: "decides how many tokens move (default: 42)" },
  },
  notes: "Example: ettin data chunk tokens --tokenizer my-model --out chunks --chunk-tokens 1024",
  async run([source = ""], options, terminal) {
    const { chunk } = await import("@ettin/pretrain"); // other commands do not wait for it
    const tokenizer = neededOption("data chunk", options, "tokenizer");
    const folder = neededOption("data chunk", options, "out");
    await checkOutputFolder("out", folder);
    const summary = await chunk({
      source,
      tokenizer,
      folder,
      ...(options["skip-short-documents"] ? { skipShortDocuments: true } : {}),
      ...(options["append-eos"] ? { appendEos: true } : {}),
      ...given({
        chunkTokens: numberOption(options, "chunk-tokens", { whole: true, min: 3 }),
        minTokens: numberOption(options, "min-tokens", { whole: true, min: 0 }),
        skipTokens: numberOption(options, "skip-tokens", { whole: true, min: 0 }),
        seed: numberOption(options, "seed", { whole: true }),
        compression: textOption(options, "compression"),
        workers: numberOption(options, "workers", { whole: true, min: 0 }),
      }),
      signal: terminal.signal,
      onProgress: counter(terminal, (n, s) => `${countText(n)} tokens, ${countText(Math.round(n / s))}/s`),
    });
    endCounter(terminal);
    const rows = [
      ["documents", summary.documents.toLocaleString("en")],
      ["chunks", summary.chunks.toLocaleString("en")],
      ["tokens", summary.tokensWritten.toLocaleString("en")],
      ["tokens dropped", summary.tokensSkipped.toLocaleString("en")],
      ["tokens moved", summary.tokensMoved.toLocaleString("en")],
    ];
    terminal.write(`${columns(rows)}\n`);
    return 0;
  },
};
