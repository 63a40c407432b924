import type { Dataset } from "../data/dataset.ts";
import { EngineError } from "../errors.ts";

/** Anchors and the texts of the corpus, each once, and which texts are an anchor's positives. */
export interface AnchoredTexts {
  readonly anchorName: string;
  readonly positiveName: string;
  readonly anchors: readonly string[];
  readonly corpus: readonly string[];
  /** Numbers in the corpus, by anchor. */
  readonly positives: readonly (readonly number[])[];
  /** Rows of the anchor that has most. */
  readonly maxPositives: number;
  /** Where each anchor, and each text of the corpus, comes first: in the rows, or in the given corpus and then the rows. */
  readonly anchorSources: Int32Array;
  readonly corpusSources: Int32Array;
}

/** Reads the rows. Of texts that are there several times the first counts. */
export function anchoredTexts(
  where: string,
  dataset: Dataset,
  names: { anchor?: string | undefined; positive?: string | undefined },
  corpus: readonly string[],
): AnchoredTexts {
  const columns = dataset.columnNames;
  if (dataset.length === 0) throw new EngineError(where, "the dataset is empty", "Pass rows of anchor and positive.");
  if (columns.length < 2) {
    throw new EngineError(where, `the dataset has ${columns.length} column`, "Pass rows of anchor and positive.");
  }
  const anchorName = columnOf(where, columns, names.anchor, 0);
  const positiveName = columnOf(where, columns, names.positive, 1);
  if (!Array.isArray(corpus))
    throw new EngineError(where, `the corpus is ${JSON.stringify(corpus)}`, "Pass a list of texts.");
  const texts = numbered();
  corpus.forEach((text, i) => {
    if (typeof text !== "string") {
      throw new EngineError(where, `text ${i} of the corpus is ${text === null ? "null" : typeof text}`, "Pass texts.");
    }
    texts.add(text, i);
  });
  const anchors = numbered();
  const positives: number[][] = [];
  const rows: number[] = [];
  for (let row = 0; row < dataset.length; row++) {
    const anchor = cell(where, dataset, row, anchorName);
    const positive = texts.add(cell(where, dataset, row, positiveName), corpus.length + row);
    const number = anchors.add(anchor, row);
    positives[number] ??= [];
    rows[number] = (rows[number] ?? 0) + 1;
    if (!positives[number].includes(positive)) positives[number].push(positive);
  }
  return {
    anchorName,
    positiveName,
    anchors: anchors.texts,
    corpus: texts.texts,
    positives,
    maxPositives: rows.reduce((most, count) => Math.max(most, count), 0),
    anchorSources: Int32Array.from(anchors.sources),
    corpusSources: Int32Array.from(texts.sources),
  };
}

function columnOf(where: string, columns: readonly string[], name: string | undefined, place: number): string {
  if (name === undefined) return columns[place]!;
  if (columns.includes(name)) return name;
  throw new EngineError(where, `there is no column ${JSON.stringify(name)}`, `Columns are ${columns.join(", ")}.`);
}

function cell(where: string, dataset: Dataset, row: number, name: string): string {
  const value = dataset.at(row)[name];
  if (typeof value === "string") return value;
  const found = value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
  throw new EngineError(
    where,
    `${dataset.place(row)} has ${found} for ${JSON.stringify(name)}`,
    "Every row needs a text there: filter the dataset, or give one row to each positive.",
  );
}

/** Gives numbers to texts in the order in which they are first seen. */
function numbered(): { texts: string[]; sources: number[]; add: (text: string, source: number) => number } {
  const numbers = new Map<string, number>();
  const texts: string[] = [];
  const sources: number[] = [];
  const add = (text: string, source: number): number => {
    const known = numbers.get(text);
    if (known !== undefined) return known;
    numbers.set(text, texts.length);
    sources.push(source);
    return texts.push(text) - 1;
  };
  return { texts, sources, add };
}
