import type { Dataset } from "../data/dataset.ts";
import { NumpyGenerator } from "../data/numpy-generator.ts";
import { EngineError } from "../errors.ts";
import { Pauses } from "../index/pauses.ts";
import type { Rows } from "../similarity/vector-rows.ts";
import { type AnchoredTexts, anchoredTexts } from "./anchored-texts.ts";
import { bestRows, part } from "./best-rows.ts";
import { type Candidates, chooseNegatives, type Dropped } from "./choose-negatives.ts";
import { anchorAndCorpusEmbeddings } from "./mining-embeddings.ts";
import { checkMiningOptions, type MineHardNegativesOptions, miningSettings } from "./mining-options.ts";
import { scoreStatistics } from "./mining-summary.ts";
import { NegativeRows } from "./negative-rows.ts";
import { pairScores, similarityName } from "./pair-scores.ts";
import { rescored } from "./rescore-candidates.ts";

const WHERE = "mineHardNegatives";
/** Anchors whose candidates a cross-encoder scores in one call. */
const ANCHORS_AT_ONCE = 64;

/**
 * Finds, for every anchor, texts that are similar to it and are none of its positives: hard negatives. Rows come out in
 * one of four formats:
 *
 * | outputFormat | rows | columns (with outputScores) |
 * | --- | --- | --- |
 * | "triplet" | one for each positive and negative | anchor, positive, negative (+ scores: both) |
 * | "n-tuple" | one for each positive, where `numNegatives` are found | anchor, positive, negative_1 … (+ scores) |
 * | "labeled-pair" | one for each positive and one for each negative | anchor, text, label 1 or 0 (score) |
 * | "labeled-list" | one for each positive, where any are found | anchor, texts, labels (scores) |
 *
 * The first two columns keep the dataset's names. Anchors and texts that are there several times are encoded once. No
 * more scores are held than `queryChunkSize` anchors need.
 *
 *     const mined = await mineHardNegatives({ dataset: pairs, model, relativeMargin: 0.05, numNegatives: 5 });
 *
 * @see https://arxiv.org/abs/2407.15831
 * @see https://sbert.net/docs/package_reference/util.html
 */
export async function mineHardNegatives(options: MineHardNegativesOptions): Promise<Dataset> {
  checkMiningOptions(options);
  const { dataset, corpus = [], crossEncoder, seed = 42, queryChunkSize = 16_384, batchSize = 32 } = options;
  const { onProgress, onNotice, onSummary, signal } = options;
  const names = { anchor: options.anchorColumnName, positive: options.positiveColumnName };
  const texts = anchoredTexts(WHERE, dataset, names, corpus);
  const settings = miningSettings(options, texts.maxPositives);
  for (const [name, value] of Object.entries({ queryChunkSize, batchSize })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new EngineError(WHERE, `${name} is ${value}`, "Use a whole number from 1 on.");
  }
  const { anchors } = texts;
  if (anchors.length < dataset.length) onNotice?.(`${dataset.length} rows have ${anchors.length} different anchors.`);

  const embeddings = await anchorAndCorpusEmbeddings(WHERE, texts, options);
  const scoreFunction = similarityName(WHERE, options.model?.similarityFnName);
  const isRescored =
    crossEncoder !== undefined &&
    (settings.absoluteMargin !== undefined || settings.relativeMargin !== undefined || settings.maxScore !== undefined);
  const width = Math.min(settings.rangeMax + texts.maxPositives, texts.corpus.length);
  const rows = new NegativeRows(texts, settings);
  const dropped: Dropped = { absoluteMargin: 0, relativeMargin: 0, maxScore: 0, minScore: 0 };
  const generator = new NumpyGenerator(seed);
  const scores = { positive: [] as number[], negative: [] as number[], difference: [] as number[] };
  const pauses = new Pauses(signal);

  for (let start = 0; start < anchors.length; start += queryChunkSize) {
    const queries = part(embeddings.anchors, start, start + queryChunkSize);
    const before = start * texts.corpus.length;
    const best = await bestRows(queries, embeddings.corpus, width, {
      scoreFunction,
      signal,
      onProgress:
        onProgress &&
        ((done) =>
          onProgress({ stage: "searching", done: before + done, total: anchors.length * texts.corpus.length })),
    });
    const step = isRescored ? ANCHORS_AT_ONCE : queries.rows;
    for (let first = 0; first < queries.rows; first += step) {
      const numbers = Array.from({ length: Math.min(step, queries.rows - first) }, (_, i) => start + first + i);
      let found: Candidates[] = numbers.map((number) => {
        const [from, to] = [(number - start) * width, (number - start + 1) * width];
        return { rows: best.rows.subarray(from, to), scores: best.scores.subarray(from, to) };
      });
      let positiveScores = await positivesOf(embeddings, texts, numbers, scoreFunction);
      if (isRescored) {
        ({ found, positiveScores } = await rescored(crossEncoder, texts, numbers, found, { batchSize, signal }));
      }
      for (const [i, number] of numbers.entries()) {
        const own = texts.positives[number]!;
        const each = positiveScores[i]!;
        const negatives = chooseNegatives(found[i]!, own, each, settings, dropped, generator);
        for (let j = 0; j < each.length; j++) scores.positive.push(each[j]!);
        for (const { positive, negative } of rows.add(number, negatives, each)) {
          scores.negative.push(negative);
          scores.difference.push(positive - negative);
        }
        await pauses.take();
      }
      onProgress?.({ stage: "choosing", done: numbers.at(-1)! + 1, total: anchors.length });
    }
  }

  const pairs = texts.positives.reduce((sum, own) => sum + own.length, 0);
  const possible = rows.possible(pairs, dataset.length);
  onSummary?.({
    rows: rows.length,
    possible,
    missing: Math.max(0, possible - rows.length),
    positive: scoreStatistics(scores.positive),
    negative: scoreStatistics(scores.negative),
    difference: scoreStatistics(scores.difference),
    candidates: anchors.length * width,
    dropped,
  });
  return rows.finish();
}

/** The scores of each anchor's positives. */
async function positivesOf(
  { anchors, corpus }: { anchors: Rows; corpus: Rows },
  texts: AnchoredTexts,
  numbers: readonly number[],
  similarity: ReturnType<typeof similarityName>,
): Promise<Float32Array[]> {
  const own = numbers.map((number) => texts.positives[number]!);
  const left = numbers.flatMap((number, i) => own[i]!.map(() => number));
  const all = await pairScores(anchors, left, corpus, own.flat(), similarity);
  let at = 0;
  return own.map(({ length }) => {
    at += length;
    return all.slice(at - length, at);
  });
}
