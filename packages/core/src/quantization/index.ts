export type { EmbeddingOf, Precision } from "./precision.ts";
export { type QuantizeOptions, quantizeEmbeddings } from "./quantize.ts";
export { type EmbeddingRanges, rangesOf } from "./ranges.ts";
