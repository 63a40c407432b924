import { checkOptions, Dataset, EngineError } from "@ettin/core";

export interface ContrastiveTensionPairsOptions {
  /** Pairs of which the first is of one text twice, and the others of two texts. @default 8 */
  posNegRatio?: number;
  /** The same seed pairs the same texts. @default 42 */
  seed?: number;
}

/**
 * Pairs for `ContrastiveTensionLoss`: of every `posNegRatio` one is of equal texts, with the label 1, and the others are of
 * two texts, with the label 0. Texts are taken in random order, each for one pair.
 *
 * @returns columns `text1`, `text2` and `label`
 */
export function contrastiveTensionPairs(
  texts: readonly string[],
  options: ContrastiveTensionPairsOptions = {},
): Dataset {
  const where = "contrastiveTensionPairs";
  const { posNegRatio = 8, seed = 42 } = checkOptions(where, options, { posNegRatio: true, seed: true });
  if (!Number.isSafeInteger(posNegRatio) || posNegRatio < 1) {
    throw new EngineError(where, `posNegRatio is ${posNegRatio}`, "Use a whole number from 1 on.");
  }
  if (!Array.isArray(texts) || texts.length < 2) {
    throw new EngineError(where, `there are ${texts?.length ?? "no"} texts`, "Give a list of two or more.");
  }
  const mixed = Array.from(Dataset.fromRows(texts.map((text) => ({ text }))).shuffle({ seed }), (row) => row.text);
  const rows: { text1: unknown; text2: unknown; label: number }[] = [];
  for (let at = 0; at + 1 < mixed.length; ) {
    const isEqual = rows.length % posNegRatio === 0;
    rows.push({ text1: mixed[at], text2: mixed[isEqual ? at : at + 1], label: Number(isEqual) });
    at += isEqual ? 1 : 2;
  }
  return Dataset.fromRows(rows);
}
