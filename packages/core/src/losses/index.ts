export { batchAllTriplets, batchHardTriplets, batchSemiHardTriplets } from "./batch-triplets.ts";
export { type CachedOptions, cachedPass, type ResolvedCached, resolveCached, scoreRows } from "./cached.ts";
export { contrastive, onlineContrastive } from "./contrastive.ts";
export { contrastiveTension, symmetricInBatchNegatives } from "./contrastive-tension.ts";
export { cosent } from "./cosent.ts";
export { type DistillKlOptions, distillKl, softmaxDivergence } from "./distill-kl.ts";
export { type DrawnThing, drawSubset } from "./draw-subset.ts";
export { EmbeddingLoss, type LossValue } from "./embedding-loss.ts";
export { type ColumnNeeds, expectColumns } from "./expect-columns.ts";
export { globalOrthogonality } from "./global-orthogonality.ts";
export { type GuidedBlock, type GuidedOptions, guidedNegatives, resolveGuided } from "./guided-negatives.ts";
export { type InBatchNegativesOptions, inBatchNegatives } from "./in-batch-negatives.ts";
export { classTensor, expectLabels, type LabelNeeds, labelTensor, oneLabelPerRow } from "./labels.ts";
export { addLosses, scaleLoss } from "./loss-value.ts";
export { marginMse } from "./margin-mse.ts";
export { maskOut } from "./mask-out.ts";
export { meanSquaredError } from "./mean-squared-error.ts";
export { megaBatchMargins } from "./mega-batch-margin.ts";
export { multipleNegatives } from "./multiple-negatives.ts";
export { documentOwners, ownColumns } from "./own-columns.ts";
export { type PairFeatures, pairFeatures, pairFeatureVectors } from "./pair-features.ts";
export {
  type RankingDirection,
  type RankingOptions,
  type RankingSimilarities,
  rankingLosses,
  resolveRanking,
} from "./ranking.ts";
export { resolveSimilarity, similarityName } from "./resolve-similarity.ts";
export { tripletMargin } from "./triplet.ts";
export { uniformLinear } from "./uniform-linear.ts";
