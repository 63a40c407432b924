import { checkOptions, EngineError, type OptionNames, type Precision } from "@ettin/core";
import type { EncodeOptions, EncodeStreamOptions } from "./encode-options.ts";

const OPTIONS: OptionNames<EncodeOptions> = {
  ...{ outputValue: true, precision: true, ranges: true, calibrationEmbeddings: true, normalizeEmbeddings: true },
  ...{ truncateDim: true, prompt: true, promptName: true, batchSize: true, maxTokensPerBatch: true, onProgress: true },
  signal: true,
};
const STREAM_OPTIONS: OptionNames<EncodeStreamOptions> = {
  ...{ outputValue: true, precision: true, ranges: true, calibrationEmbeddings: true, normalizeEmbeddings: true },
  ...{ truncateDim: true, prompt: true, promptName: true, batchSize: true, maxTokensPerBatch: true, signal: true },
  ...{ task: true, textsPerBatch: true },
};
const INSTEAD: Readonly<Record<string, string>> = {
  normalize: "Use normalizeEmbeddings.",
  showProgressBar: "Use onProgress.",
  convertToNumpy: "Embeddings are Float32Array: leave it out.",
  convertToTensor: "Embeddings are Float32Array; Tensor.from makes tensors of them.",
  device: "The model is on its device: load it with device.",
  pool: "The engine uses all cores: leave it out.",
  chunkSize: "Use encodeStream for more texts than the memory holds.",
  task: "Use encodeQuery or encodeDocument.",
};

/** Checks what `encode` is given. @returns the texts, also where there is one */
export function textsToEncode<P extends Precision>(
  where: string,
  texts: string | readonly string[],
  options: EncodeOptions<P>,
): readonly string[] {
  checkOptions(where, options, OPTIONS, INSTEAD);
  if (typeof texts === "string") return [texts];
  if (Array.isArray(texts)) return texts;
  const found =
    texts === undefined || texts === null
      ? String(texts)
      : typeof texts === "object"
        ? "an object"
        : `a ${typeof texts}`;
  throw new EngineError(where, `the texts are ${found}`, "Pass a text, or a list of texts.");
}

/** Checks the options of `encodeStream`, which sees no more than a part of the texts at a time. */
export function streamOptions<P extends Precision>(
  where: string,
  options: EncodeStreamOptions<P>,
): EncodeStreamOptions<P> {
  const { precision, ranges, calibrationEmbeddings } = options;
  if ((precision === "int8" || precision === "uint8") && !ranges && !calibrationEmbeddings) {
    throw new EngineError(
      where,
      `precision is "${precision}", but the ranges of all texts are not known while they come`,
      "Pass ranges: await rangesOf(embeddings of some of them).",
    );
  }
  return checkOptions(where, options, STREAM_OPTIONS, { ...INSTEAD, onProgress: "Count the batches as they come." });
}
