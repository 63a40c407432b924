import type { Precision, SentenceTransformer } from "@ettin/dense";
import { choiceOption, refuseBoth, refuseWithout, textOption } from "../arguments.ts";
import { type Command, type OptionValues, type Terminal, UsageError } from "../command.ts";
import { DATA_NAMES, DATA_OPTIONS, openRows, rowText, textColumns } from "../data-options.ts";
import { ENCODE_OPTIONS, encodeSettings, loadDense } from "../load-dense.ts";
import { counter, endCounter } from "../prepare-options.ts";
import { countText } from "../units.ts";
import { createVectorFile, jsonLines, type VectorFile } from "../vector-file.ts";

const PRECISIONS: readonly Precision[] = ["float32", "int8", "uint8", "binary", "ubinary"];
/** Texts that are in memory at once, and those that decide the ranges of int8 and uint8. */
const LOT = 4096;
const TASKS = ["query", "document"] as const;

export const encode: Command = {
  name: "encode",
  summary: "vectors of texts: of the command line, of a file, or of the input's lines",
  operands: ["model"],
  optional: "text",
  several: true,
  options: {
    input: { type: "string", value: "path", help: "rows to encode: a file, a folder, a data set of the hub" },
    "text-column": { type: "string", value: "name", help: 'the rows\' text; several as "title,text" (default: text)' },
    output: { type: "string", value: "file", help: ".npy, .safetensors or .jsonl (default: JSON lines to the output)" },
    as: { type: "string", value: "what", help: "query or document, for models that tell them apart" },
    precision: { type: "string", value: "name", help: `${PRECISIONS.join(", ")} (default: float32)` },
    normalize: { type: "boolean", help: "vectors of length 1" },
    ...DATA_OPTIONS,
    ...ENCODE_OPTIONS,
  },
  notes: `However many texts there are, ${LOT} are in memory at a time; of int8 and uint8 the first ${LOT} decide the ranges.
Example: ettin encode my-model --input passages.jsonl --output passages.npy`,
  async run([name = "", ...texts], options, terminal) {
    const precision = choiceOption(options, "precision", PRECISIONS) ?? "float32";
    choiceOption(options, "as", TASKS); // before anything is loaded
    refuseBoth(options, "prompt", "prompt-name");
    const source = await sourceOf(texts, options, terminal);
    const output = textOption(options, "output");
    const file = output === undefined ? null : await createVectorFile(output, precision);
    let model: SentenceTransformer | null = null;
    try {
      model = await loadDense(name, options, terminal);
      const count = await encodeAll(model, source, precision, options, terminal, file);
      if (count === 0) throw new UsageError("there are no texts to encode");
      if (!file) return 0;
      await file.finish();
      terminal.write(`${countText(count)} vectors of ${model.embeddingDimension}: ${output}\n`);
      return 0;
    } finally {
      await file?.discard();
      model?.dispose();
    }
  },
};

async function encodeAll(
  model: SentenceTransformer,
  source: Iterable<string> | AsyncIterable<string>,
  precision: Precision,
  options: OptionValues,
  terminal: Terminal,
  file: VectorFile | null,
): Promise<number> {
  const { rangesOf, quantizeEmbeddings } = await import("@ettin/core");
  const task = choiceOption(options, "as", TASKS);
  const count = counter(
    terminal,
    (done, seconds) => `${countText(done)} texts, ${Math.round(done / seconds)} a second`,
  );
  const byRange = precision === "int8" || precision === "uint8";
  const lots = model.encodeStream(source, {
    ...encodeSettings(options),
    ...(task ? { task } : {}),
    normalizeEmbeddings: options.normalize === true,
    textsPerBatch: LOT,
    signal: terminal.signal,
    precision: byRange ? "float32" : precision,
  });
  let total = 0;
  let ranges: Awaited<ReturnType<typeof rangesOf>> | null = null;
  for await (const { texts, embeddings } of lots) {
    if (byRange) ranges ??= await rangesOf(embeddings as Float32Array[]);
    const kept = ranges ? await quantizeEmbeddings(embeddings as Float32Array[], precision, { ranges }) : embeddings;
    if (file) await file.add({ texts, embeddings: kept });
    else terminal.write(jsonLines({ texts, embeddings: kept }));
    total += texts.length;
    if (file) count(texts.length);
  }
  if (file) endCounter(terminal);
  terminal.signal.throwIfAborted();
  return total;
}

/** The texts: those given, the rows of `--input`, or the lines that come in. */
async function sourceOf(
  texts: readonly string[],
  options: OptionValues,
  terminal: Terminal,
): Promise<Iterable<string> | AsyncIterable<string>> {
  const path = textOption(options, "input");
  if (path !== undefined && texts.length > 0) throw new UsageError("give texts or --input, not both");
  if (path === undefined) refuseWithout(options, ["text-column", ...DATA_NAMES], "--input <path>");
  if (texts.length > 0) return texts;
  if (path === undefined) {
    if (terminal.input && !terminal.input.typed) return terminal.input.lines();
    throw new UsageError("ettin encode needs texts: as arguments, with --input <path>, or piped in");
  }
  const rows = await openRows(path, options, terminal.signal);
  const columns = textColumns("encode", rows, textOption(options, "text-column"));
  return (function* () {
    for (const row of rows) yield rowText("encode", row, columns);
  })();
}
