/** MDS shards (MosaicML Streaming): the public names. */

export { type MdsFile, type MdsShard, readMdsIndex } from "./mds-index.ts";
export { mergeIndexes } from "./mds-merge.ts";
export { MdsReader, type MdsReaderOptions, openMds } from "./mds-reader.ts";
export { MdsWriter, type MdsWriterOptions } from "./mds-writer.ts";
