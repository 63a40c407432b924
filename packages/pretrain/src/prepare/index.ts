/** Data preparation: the public names. */
export { type ChunkOptions, type ChunkSummary, chunk } from "./chunk.ts";
export { type ChunkRules, chunkDocument } from "./chunk-document.ts";
export {
  type DataOrderOptions,
  type DataOrderPhase,
  DataOrderWriter,
  dataOrderFiles,
  type StepSequences,
} from "./data-order.ts";
export type { DocumentOptions } from "./document-reader.ts";
export { Draws } from "./draws.ts";
export { type Inspected, type InspectOptions, inspect } from "./inspect.ts";
export { type MixedSource, type MixOptions, mix } from "./mix.ts";
export type { MixSource } from "./mix-source.ts";
export { checkpointTokens, readRevision, revisionName, stepAfterTokens } from "./revision-names.ts";
export { type TokenizeOptions, type TokenizeSummary, tokenize } from "./tokenize.ts";
export type { TokenizeStats } from "./tokenize-source.ts";
