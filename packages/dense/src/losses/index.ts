export { AdaptiveLayerLoss, type AdaptiveLayerOptions, type LayeredEncoder } from "./adaptive-layer.ts";
export { AnglELoss, type AnglEOptions } from "./angle.ts";
export { BatchAllTripletLoss } from "./batch-all-triplet.ts";
export type { BatchDistanceMetric, BatchDistanceOptions } from "./batch-distance.ts";
export { BatchHardSoftMarginTripletLoss } from "./batch-hard-soft-margin-triplet.ts";
export { BatchHardTripletLoss } from "./batch-hard-triplet.ts";
export type { BatchTripletOptions } from "./batch-margin-triplet.ts";
export { BatchSemiHardTripletLoss } from "./batch-semi-hard-triplet.ts";
export { CachedGISTEmbedLoss } from "./cached-gist-embed.ts";
export {
  CachedMultipleNegativesRankingLoss,
  type CachedMultipleNegativesRankingOptions,
} from "./cached-multiple-negatives-ranking.ts";
export { CachedMultipleNegativesSymmetricRankingLoss } from "./cached-multiple-negatives-symmetric-ranking.ts";
export { ContrastiveLoss, type ContrastiveOptions } from "./contrastive.ts";
export { ContrastiveTensionLoss } from "./contrastive-tension.ts";
export {
  type ContrastiveTensionInBatchNegativesOptions,
  ContrastiveTensionLossInBatchNegatives,
} from "./contrastive-tension-in-batch-negatives.ts";
export { type ContrastiveTensionPairsOptions, contrastiveTensionPairs } from "./contrastive-tension-pairs.ts";
export { CoSENTLoss, type CoSENTOptions } from "./cosent.ts";
export { CosineSimilarityLoss, type CosineSimilarityOptions } from "./cosine-similarity.ts";
export { DistillKLDivLoss, type DistillKLDivOptions } from "./distill-kl-div.ts";
export {
  EmbedDistillLoss,
  type EmbedDistillOptions,
  type ProjectionOptions,
  type SizedEncoder,
} from "./embed-distill.ts";
export { GISTEmbedLoss, type GISTEmbedOptions } from "./gist-embed.ts";
export {
  GlobalOrthogonalRegularizationLoss,
  type GlobalOrthogonalRegularizationOptions,
} from "./global-orthogonal-regularization.ts";
export type { GuideModel, TokenizedEncoder } from "./guide.ts";
export { MarginMSELoss, type MarginMSEOptions } from "./margin-mse.ts";
export { MatryoshkaLoss, type MatryoshkaOptions } from "./matryoshka.ts";
export { Matryoshka2dLoss, type Matryoshka2dOptions } from "./matryoshka-2d.ts";
export { MegaBatchMarginLoss, type MegaBatchMarginOptions } from "./mega-batch-margin.ts";
export type { CopyableEncoder, ModelCopyOptions } from "./model-copy.ts";
export { MSELoss } from "./mse.ts";
export { MultipleNegativesRankingLoss, type MultipleNegativesRankingOptions } from "./multiple-negatives-ranking.ts";
export {
  MultipleNegativesSymmetricRankingLoss,
  type SymmetricRankingOptions,
} from "./multiple-negatives-symmetric-ranking.ts";
export { OnlineContrastiveLoss, type OnlineContrastiveOptions } from "./online-contrastive.ts";
export type { SiameseDistanceMetric } from "./siamese-distance.ts";
export { SoftmaxLoss, type SoftmaxOptions } from "./softmax.ts";
export { type TripletDistanceMetric, TripletLoss, type TripletOptions } from "./triplet.ts";
