import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Dataset, type MineHardNegativesOptions, mineHardNegatives, miningSummaryText } from "@ettin/core";
import { choiceOption, given, numberOption, textOption } from "../arguments.ts";
import { type Command, type OptionValues, UsageError } from "../command.ts";
import { isIdColumn, resolvedIds, withoutId } from "../corpus-ids.ts";
import { DATA_OPTIONS, openRows, rowsOf, rowText, textColumns } from "../data-options.ts";
import { LOAD_OPTIONS } from "../load.ts";
import { loadDense } from "../load-dense.ts";
import { checkOutputFile } from "../output-place.ts";
import { endCounter, neededOption } from "../prepare-options.ts";
import { countText } from "../units.ts";

export const mine: Command = {
  name: "mine",
  summary: "hard negatives: texts that a model finds near, but that are no answers",
  operands: ["model", "data"],
  options: {
    output: { type: "string", value: "file", help: "JSON lines with the new rows (needed)" },
    anchor: { type: "string", value: "column", help: "queries (default: the first column)" },
    positive: { type: "string", value: "column", help: "their answers (default: the second column)" },
    corpus: {
      type: "string",
      value: "path",
      help: "rows to take negatives from, beside all positives; columns named …_id become texts of it",
    },
    "text-column": {
      type: "string",
      value: "name",
      help: 'the corpus\'s text; several as "title,text" (default: text)',
    },
    negatives: { type: "string", value: "n", help: "of each row (default: 3)" },
    "range-min": { type: "string", value: "n", help: "leave out the n nearest: they may be answers (default: 0)" },
    "range-max": { type: "string", value: "n", help: "look at the n nearest" },
    "max-score": { type: "string", value: "x", help: "leave out what is nearer" },
    "min-score": { type: "string", value: "x", help: "leave out what is farther" },
    margin: { type: "string", value: "x", help: "leave out what is not farther than the answer by this" },
    "relative-margin": { type: "string", value: "x", help: "the same as a share of the answer's score: 0.05" },
    sampling: { type: "string", value: "how", help: "top or random (default: top)" },
    seed: { type: "string", value: "n", help: "of random sampling (default: 42)" },
    format: {
      type: "string",
      value: "name",
      help: "triplet, n-tuple, labeled-pair or labeled-list (default: triplet)",
    },
    scores: { type: "boolean", help: "with scores, for distillation" },
    "include-positives": { type: "boolean", help: "leave answers among the candidates: a ranking to rerank" },
    "query-prompt": { type: "string", value: "text", help: "goes before each query" },
    "corpus-prompt": { type: "string", value: "text", help: "goes before each other text" },
    cache: { type: "string", value: "folder", help: "keep the vectors for another run" },
    "max-length": { type: "string", value: "n", help: "cut texts to n tokens (default: the model's)" },
    ...DATA_OPTIONS,
    ...LOAD_OPTIONS,
    json: { type: "boolean", help: "print JSON" },
  },
  notes: `Rows of one query are its several answers, and none of them is taken for a negative.
Example: ettin mine my-model pairs.jsonl --relative-margin 0.05 --negatives 5 --format n-tuple --output hard.jsonl`,
  async run([name = "", path = ""], options, terminal) {
    const output = neededOption("mine", options, "output");
    const settings = settingsOf(options);
    const { signal } = terminal;
    await checkOutputFile("output", output);
    const rows =
      textOption(options, "split") === undefined
        ? await rowsOf(path, ["train"], signal, options)
        : await openRows(path, options, signal);
    const { corpus, ...pairs } = await readTexts(rows, options, signal);
    const model = await loadDense(name, options, terminal);
    let summary = "";
    let facts: object = {};
    try {
      const mined = await mineHardNegatives({
        model,
        ...settings,
        ...pairs,
        ...(corpus && { corpus }),
        signal,
        onProgress({ stage, done, total }) {
          if (terminal.interactive) terminal.writeError(`\r\u001b[K${stage} ${Math.floor((100 * done) / total)} %`);
        },
        onNotice: (notice) => terminal.writeError(`ettin: ${notice}\n`),
        onSummary(found) {
          facts = found;
          summary = miningSummaryText(found);
        },
      });
      endCounter(terminal);
      await writeRows(output, mined);
      if (options.json) terminal.write(`${JSON.stringify({ output, ...facts }, null, 2)}\n`);
      else terminal.write(`${summary}\n${countText(mined.length)} rows: ${output}\n`);
      return 0;
    } finally {
      model.dispose();
    }
  },
};

function settingsOf(options: OptionValues): Partial<MineHardNegativesOptions> {
  const whole = (name: string, min: number) => numberOption(options, name, { whole: true, min });
  return {
    ...given({
      anchorColumnName: textOption(options, "anchor"),
      positiveColumnName: textOption(options, "positive"),
      numNegatives: whole("negatives", 1),
      rangeMin: whole("range-min", 0),
      rangeMax: whole("range-max", 1),
      maxScore: numberOption(options, "max-score"),
      minScore: numberOption(options, "min-score"),
      absoluteMargin: numberOption(options, "margin"),
      relativeMargin: numberOption(options, "relative-margin"),
      samplingStrategy: choiceOption(options, "sampling", ["top", "random"]),
      seed: whole("seed", 0),
      outputFormat: choiceOption(options, "format", ["triplet", "n-tuple", "labeled-pair", "labeled-list"]),
      queryPrompt: textOption(options, "query-prompt"),
      corpusPrompt: textOption(options, "corpus-prompt"),
      cacheFolder: textOption(options, "cache"),
    }),
    ...(options.scores === true && { outputScores: true }),
    ...(options["include-positives"] === true && { includePositives: true }),
  };
}

/** The pairs and the corpus, texts of it in place of the pairs' ids. */
async function readTexts(
  rows: Dataset,
  options: OptionValues,
  signal: AbortSignal,
): Promise<Pick<MineHardNegativesOptions, "dataset" | "anchorColumnName" | "positiveColumnName" | "corpus">> {
  const path = textOption(options, "corpus");
  const asked = textOption(options, "text-column");
  const anchor = textOption(options, "anchor") ?? rows.columnNames[0];
  const positive = textOption(options, "positive") ?? rows.columnNames[1];
  const names = [anchor, positive].filter((name) => name !== undefined);
  const ids = names.filter((name) => isIdColumn(name) && rows.columnNames.includes(name));
  if (path === undefined) {
    if (asked !== undefined) throw new UsageError("--text-column is of a --corpus: give both");
    if (ids.length > 0)
      throw new UsageError(`${ids.join(" and ")} is of ids. Say where their texts are: --corpus <path>`);
    return { dataset: rows };
  }
  const texts = await rowsOf(path, ["train", "corpus"], signal);
  const columns = textColumns("mine", texts, asked);
  const corpus = Array.from(texts, (row) => rowText("mine", row, columns));
  if (ids.length === 0) return { dataset: rows, corpus };
  const dataset = resolvedIds("mine", texts, path, asked)(rows, names);
  return {
    dataset,
    corpus,
    ...given({ anchorColumnName: anchor && withoutId(anchor), positiveColumnName: positive && withoutId(positive) }),
  };
}

/** Writes beside the file's place, then renames. */
async function writeRows(path: string, rows: Dataset): Promise<void> {
  const beside = `${path}.${process.pid}.partial`;
  const lines = function* (): Generator<string> {
    for (const row of rows) yield `${JSON.stringify(row, plain)}\n`;
  };
  try {
    await pipeline(Readable.from(lines()), createWriteStream(beside, { flush: true } as object));
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

/** Lists of numbers as JSON has them. */
const plain = (_: string, value: unknown): unknown =>
  ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value;
