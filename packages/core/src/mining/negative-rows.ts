import { ColumnTableBuilder } from "../data/column-table.ts";
import { Dataset } from "../data/dataset.ts";
import { EngineError } from "../errors.ts";
import type { AnchoredTexts } from "./anchored-texts.ts";
import type { Negative } from "./choose-negatives.ts";
import type { MiningSettings } from "./mining-options.ts";

/** Rows that are copied off the heap together. */
const FLUSH_ROWS = 4096;

/** What of an anchor's negatives came into the rows. */
export interface TakenPair {
  readonly positive: number;
  readonly negative: number;
}

/** Collects mined rows in one of the formats. */
export class NegativeRows {
  readonly #texts: AnchoredTexts;
  readonly #settings: MiningSettings;
  readonly #builder = new ColumnTableBuilder("mineHardNegatives");
  readonly #names: readonly string[];
  #columns: unknown[][];
  #waiting = 0;
  /** Rows so far. */
  length = 0;

  constructor(texts: AnchoredTexts, settings: MiningSettings) {
    this.#texts = texts;
    this.#settings = settings;
    const { outputFormat, outputScores, numNegatives } = settings;
    const numbers = Array.from({ length: numNegatives }, (_, i) => `negative_${i + 1}`);
    const scores = outputScores ? ["scores"] : [];
    const added = {
      triplet: ["negative", ...scores],
      "n-tuple": [...numbers, ...scores],
      "labeled-pair": [outputScores ? "score" : "label"],
      "labeled-list": [outputScores ? "scores" : "labels"],
    }[outputFormat];
    this.#names = [texts.anchorName, texts.positiveName, ...added];
    if (new Set(this.#names).size < this.#names.length) {
      throw new EngineError(
        "mineHardNegatives",
        `columns would be ${this.#names.join(", ")}, two of one name`,
        "Rename the dataset's column: dataset.renameColumn.",
      );
    }
    this.#columns = this.#names.map(() => []);
    this.#builder.add(Object.fromEntries(this.#names.map((name) => [name, []])), 0); // columns even where no row comes
  }

  /** Adds the rows of an anchor. @returns scores of each negative that is in a row, with its row's positive */
  add(anchor: number, negatives: readonly Negative[], positiveScores: ArrayLike<number>): TakenPair[] {
    const { outputFormat, outputScores, numNegatives } = this.#settings;
    const { anchors, corpus, positives } = this.#texts;
    const text = anchors[anchor]!;
    const own = positives[anchor]!;
    const taken = (i: number): TakenPair[] =>
      negatives.map(({ score }) => ({ positive: positiveScores[i]!, negative: score }));
    if (outputFormat === "labeled-pair") {
      own.forEach((row, i) => {
        this.#put([text, corpus[row], outputScores ? positiveScores[i]! : 1]);
      });
      for (const { row, score } of negatives) this.#put([text, corpus[row], outputScores ? score : 0]);
      return own.flatMap((_, i) => taken(i));
    }
    return own.flatMap((row, i) => {
      const positive = corpus[row]!;
      const texts = negatives.map((negative) => corpus[negative.row]!);
      const scores = outputScores ? [positiveScores[i]!, ...negatives.map(({ score }) => score)] : null;
      if (outputFormat === "triplet") {
        texts.forEach((negative, j) => {
          this.#put([text, positive, negative, ...(scores ? [[scores[0]!, scores[j + 1]!]] : [])]);
        });
      } else if (outputFormat === "n-tuple") {
        if (negatives.length < numNegatives) return [];
        this.#put([text, positive, ...texts, ...(scores ? [scores] : [])]);
      } else if (negatives.length > 0) {
        this.#put([text, [positive, ...texts], scores ?? [1, ...texts.map(() => 0)]]);
      }
      return taken(i);
    });
  }

  finish(): Dataset {
    this.#flush();
    return Dataset.over(this.#builder.finish());
  }

  /** Rows that there would be if no anchor lacked a negative. */
  possible(pairs: number, rows: number): number {
    const { outputFormat, numNegatives } = this.#settings;
    if (outputFormat === "triplet") return pairs * numNegatives;
    return outputFormat === "labeled-pair" ? this.#texts.anchors.length * numNegatives + rows : pairs;
  }

  #put(row: readonly unknown[]): void {
    row.forEach((value, column) => {
      this.#columns[column]!.push(value);
    });
    this.length++;
    if (++this.#waiting === FLUSH_ROWS) this.#flush();
  }

  #flush(): void {
    if (this.#waiting === 0) return;
    this.#builder.add(Object.fromEntries(this.#names.map((name, i) => [name, this.#columns[i]!])), this.#waiting);
    this.#columns = this.#names.map(() => []);
    this.#waiting = 0;
  }
}
