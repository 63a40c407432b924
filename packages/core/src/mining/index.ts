export type { MiningScoreFunction } from "./best-rows.ts";
export { type CommunityOptions, communityDetection } from "./community-detection.ts";
export { mineHardNegatives } from "./mine-hard-negatives.ts";
export type { MiningEncodeOptions, MiningEncoder, PairScorer } from "./mining-encoder.ts";
export type {
  MineHardNegativesOptions,
  MiningFormat,
  MiningProgress,
  PrecomputedEmbeddings,
} from "./mining-options.ts";
export { type MiningSummary, miningSummaryText, type ScoreStatistics } from "./mining-summary.ts";
export {
  type ParaphraseOptions,
  type ParaphrasePair,
  paraphraseMining,
  paraphraseMiningEmbeddings,
  type TextEmbedder,
} from "./paraphrase-mining.ts";
export { type CorpusHit, type SemanticSearchOptions, semanticSearch } from "./semantic-search.ts";
