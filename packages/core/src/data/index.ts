export {
  type BatchSampler,
  type BatchSamplerKind,
  type BatchSamplerOptions,
  batchSampler,
} from "./batch-sampler.ts";
export { numberColumn, numberOf, requireColumns, textColumn, textOf } from "./check-rows.ts";
export type { DataFormat } from "./data-format.ts";
export { concatenateDatasets, Dataset } from "./dataset.ts";
export { expectDataset } from "./expect-dataset.ts";
export type { Features, FeatureType, NumberType } from "./feature-type.ts";
export { FileOrder, type FileOrderOptions } from "./file-order.ts";
export { loadDataset, loadDatasetDict } from "./load-dataset.ts";
export type { LoadDatasetOptions } from "./load-options.ts";
export type { MapBatches, MapOptions } from "./map-table.ts";
export {
  MultiDataset,
  type MultiDatasetBatchSamplerKind,
  type MultiDatasetSamplerOptions,
  multiDatasetSampler,
} from "./multi-dataset.ts";
export { NumpyGenerator } from "./numpy-generator.ts";
export type { BitGenerator } from "./pcg64.ts";
export { datasetOfRow, placeOfRow } from "./row-place.ts";
export type { Seed } from "./seed-sequence.ts";
export type { SplitOptions } from "./split-rows.ts";
export type { Row, Table } from "./table.ts";
