/** Data preparation: the public names. */

export { checkpointTokens, readRevision, stepAfterTokens } from "./checkpoint-tokens.ts";
export { type ChunkOptions, type ChunkSummary, chunk } from "./chunk.ts";
export { type ChunkRules, chunkDocument } from "./chunk-document.ts";
export { type DataOrderOptions, DataOrderWriter } from "./data-order.ts";
export type { DocumentOptions } from "./document-reader.ts";
export { Draws } from "./draws.ts";
export { type Inspected, type InspectOptions, inspect } from "./inspect.ts";
export { type MixedSource, type MixOptions, mix } from "./mix.ts";
export type { MixSource } from "./mix-source.ts";
export { dataOrderFiles } from "./order-files.ts";
export { recordDataOrder } from "./record-data-order.ts";
export { type TokenizeOptions, type TokenizeSummary, tokenize } from "./tokenize.ts";
export type { TokenizeStats } from "./tokenize-source.ts";
