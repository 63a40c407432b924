import type { Dataset } from "../data/dataset.ts";
import { expectDataset } from "../data/expect-dataset.ts";
import { EngineError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../known-options.ts";
import type { MiningEncoder, PairScorer } from "./mining-encoder.ts";
import type { MiningSummary } from "./mining-summary.ts";

/** How the mined rows look; the columns are in `mineHardNegatives`. */
export type MiningFormat = "triplet" | "n-tuple" | "labeled-pair" | "labeled-list";

export interface MineHardNegativesOptions {
  /** Rows with an anchor and a positive. Rows of one anchor are its several positives. */
  dataset: Dataset;
  /** What encodes anchors as queries and texts as documents. May be absent where `precomputed` is given. */
  model?: MiningEncoder;
  /** @default the dataset's first column */
  anchorColumnName?: string;
  /** @default the dataset's second column */
  positiveColumnName?: string;
  /** Texts that negatives are taken from, beside all positives. @default the positives alone */
  corpus?: readonly string[];
  /**
   * Scores candidates and positives again, where a margin or `maxScore` is set; all limits then mean its scores.
   */
  crossEncoder?: PairScorer;
  /** Most similar candidates that are skipped: they may be positives that nobody marked. @default 0 */
  rangeMin?: number;
  /**
   * Rank up to which candidates are looked at.
   *
   * @default rangeMin + maxPositives + numNegatives, or + 10 · numNegatives where a margin or `maxScore` is set;
   *   maxPositives is the number of rows of the anchor that has most
   */
  rangeMax?: number;
  /** Drops candidates with a higher score. @default none */
  maxScore?: number;
  /** Drops candidates with a lower score. @default none */
  minScore?: number;
  /** Drops candidates that are not lower than the anchor's lowest positive by this. @default none */
  absoluteMargin?: number;
  /** The same by a share of that positive's score: 0.05 asks for 5 % less. @default none */
  relativeMargin?: number;
  /** Negatives for each anchor and positive. @default 3 */
  numNegatives?: number;
  /** "top" takes the most similar ones that are left; "random" any of them. @default "top" */
  samplingStrategy?: "top" | "random";
  /** Of "random": the same seed chooses the same. @default 42 */
  seed?: number;
  /** Name of the model's prompt for anchors. @default the encoder's own */
  queryPromptName?: string;
  /** Put in front of each anchor, in place of a named prompt. */
  queryPrompt?: string;
  /** Name of the model's prompt for documents. @default the encoder's own */
  corpusPromptName?: string;
  /** Put in front of each document, in place of a named prompt. */
  corpusPrompt?: string;
  /** Leaves positives among the candidates: a ranking to rerank. Makes the format "n-tuple". @default false */
  includePositives?: boolean;
  /** @default "triplet" */
  outputFormat?: MiningFormat;
  /** Adds scores in place of labels, or beside the texts. @default false */
  outputScores?: boolean;
  /** Texts that are encoded, or pairs that are scored, together. @default 32 */
  batchSize?: number;
  /** Anchors whose negatives are looked for together. @default 16,384 */
  queryChunkSize?: number;
  /** Where embeddings are kept for another run: .npy files named by a hash of model, prompts and texts. @default nowhere */
  cacheFolder?: string;
  /** Embeddings in place of a model: one for each row's anchor and positive, and for each text of `corpus`. */
  precomputed?: PrecomputedEmbeddings;
  onProgress?: (progress: MiningProgress) => void;
  /** Called with what is worth knowing, a sentence each. */
  onNotice?: (notice: string) => void;
  /** Called at the end with the scores' statistics and what was dropped. */
  onSummary?: (summary: MiningSummary) => void;
  signal?: AbortSignal;
}

export interface PrecomputedEmbeddings {
  readonly anchors: readonly Float32Array[];
  readonly positives: readonly Float32Array[];
  readonly corpus?: readonly Float32Array[];
}

export interface MiningProgress {
  readonly stage: "encoding the corpus" | "encoding the anchors" | "searching" | "choosing";
  readonly done: number;
  readonly total: number;
}

/** What is decided from the options. */
export interface MiningSettings {
  readonly rangeMin: number;
  readonly rangeMax: number;
  readonly maxScore: number | undefined;
  readonly minScore: number | undefined;
  readonly absoluteMargin: number | undefined;
  readonly relativeMargin: number | undefined;
  readonly numNegatives: number;
  readonly samplingStrategy: "top" | "random";
  readonly includePositives: boolean;
  readonly outputFormat: MiningFormat;
  readonly outputScores: boolean;
}

const WHERE = "mineHardNegatives";
const FORMATS: readonly MiningFormat[] = ["triplet", "n-tuple", "labeled-pair", "labeled-list"];
const OPTIONS: OptionNames<MineHardNegativesOptions> = {
  ...{ dataset: true, model: true, anchorColumnName: true, positiveColumnName: true, corpus: true, crossEncoder: true },
  ...{ rangeMin: true, rangeMax: true, maxScore: true, minScore: true, absoluteMargin: true, relativeMargin: true },
  ...{ numNegatives: true, samplingStrategy: true, seed: true, queryPromptName: true, queryPrompt: true },
  ...{ corpusPromptName: true, corpusPrompt: true, includePositives: true, outputFormat: true, outputScores: true },
  ...{ batchSize: true, queryChunkSize: true, cacheFolder: true, precomputed: true, onProgress: true, onNotice: true },
  ...{ onSummary: true, signal: true },
};
const INSTEAD: Readonly<Record<string, string>> = {
  asTriplets: 'Use outputFormat: "triplet" or "n-tuple".',
  margin: "Use absoluteMargin or relativeMargin.",
  useFaiss: "The search is exact and native: leave it out.",
  faissBatchSize: "Use queryChunkSize.",
  useMultiProcess: "The engine uses all cores: leave it out.",
  verbose: "Use onProgress, onNotice and onSummary.",
};

/** Refuses options that there are not, and rows that are no dataset. */
export function checkMiningOptions(options: MineHardNegativesOptions): void {
  checkOptions(WHERE, options, OPTIONS, INSTEAD);
  expectDataset(WHERE, "dataset", options.dataset);
}

/** @param maxPositives rows of the anchor that has most */
export function miningSettings(options: MineHardNegativesOptions, maxPositives: number): MiningSettings {
  const { rangeMin = 0, numNegatives = 3, samplingStrategy = "top", includePositives = false } = options;
  const { maxScore, minScore, absoluteMargin, relativeMargin, onNotice } = options;
  const refuse = (what: string, wayOut: string): never => {
    throw new EngineError(WHERE, what, wayOut);
  };
  let outputFormat = options.outputFormat ?? "triplet";
  if (!FORMATS.includes(outputFormat)) {
    refuse(`outputFormat is ${JSON.stringify(outputFormat)}`, `Use ${FORMATS.join(", ")}.`);
  }
  if (samplingStrategy !== "top" && samplingStrategy !== "random") {
    refuse(`samplingStrategy is ${JSON.stringify(samplingStrategy)}`, "Use top or random.");
  }
  for (const [name, value] of Object.entries({ absoluteMargin, relativeMargin, maxScore, minScore })) {
    if (value === undefined || (typeof value === "number" && !Number.isNaN(value))) continue;
    refuse(`${name} is ${Number.isNaN(value) ? "NaN" : JSON.stringify(value)}`, "Use a number, or leave it out.");
  }
  if (!Number.isSafeInteger(numNegatives) || numNegatives < 1) {
    refuse(`numNegatives is ${numNegatives}`, "Ask for 1 or more.");
  }
  const isLimited = absoluteMargin !== undefined || relativeMargin !== undefined || maxScore !== undefined;
  const rangeMax = options.rangeMax ?? rangeMin + maxPositives + numNegatives * (isLimited ? 10 : 1);
  if (options.rangeMax === undefined) onNotice?.(`rangeMax is ${rangeMax}, by the other options.`);
  if (!Number.isSafeInteger(rangeMin) || rangeMin < 0) refuse(`rangeMin is ${rangeMin}`, "Use 0 or more.");
  if (!Number.isSafeInteger(rangeMax) || rangeMin >= rangeMax) {
    refuse(`rangeMin is ${rangeMin} and rangeMax ${rangeMax}`, "Make rangeMin the smaller one.");
  }
  if (numNegatives > rangeMax - rangeMin) {
    refuse(
      `numNegatives is ${numNegatives}, but ${rangeMax - rangeMin} candidates are left after the first ${rangeMin} of ${rangeMax}`,
      "Lower numNegatives or rangeMin, or raise rangeMax.",
    );
  }
  if (includePositives) {
    const isChanged = rangeMin !== 0 || options.rangeMax !== undefined || maxScore !== undefined;
    if (isChanged || samplingStrategy !== "top") {
      onNotice?.("rangeMin, rangeMax, maxScore and samplingStrategy may drop positives that includePositives keeps.");
    }
    if (outputFormat !== "n-tuple") onNotice?.('includePositives makes outputFormat "n-tuple", which keeps the order.');
    outputFormat = "n-tuple";
  }
  return {
    ...{ rangeMin, rangeMax, maxScore, minScore, absoluteMargin, relativeMargin, numNegatives },
    ...{ samplingStrategy, includePositives, outputFormat, outputScores: options.outputScores ?? false },
  };
}
