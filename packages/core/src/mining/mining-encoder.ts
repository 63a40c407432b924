/** How texts are encoded, for mining. */
export interface MiningEncodeOptions {
  /** Put in front of each text. */
  prompt?: string;
  /** The model's prompt of this name. */
  promptName?: string;
  /** Texts in a batch. */
  batchSize?: number;
  /** Cuts embeddings to their first numbers. @default the model's own */
  truncateDim?: number | null;
  /** Whether embeddings are brought to length 1. */
  normalizeEmbeddings?: boolean;
  signal?: AbortSignal;
}

/** A model, or anything else that makes embeddings: a service, for one. */
export interface MiningEncoder {
  encodeQuery(texts: readonly string[], options?: MiningEncodeOptions): Promise<readonly ArrayLike<number>[]>;
  encodeDocument(texts: readonly string[], options?: MiningEncodeOptions): Promise<readonly ArrayLike<number>[]>;
  /** How its embeddings are compared. @default "cosine" */
  readonly similarityFnName?: string | null;
}

/** Says how well a document answers a query, for each pair: a cross-encoder. */
export interface PairScorer {
  predict(
    pairs: readonly (readonly [query: string, document: string])[],
    options?: { batchSize?: number; signal?: AbortSignal },
  ): Promise<ArrayLike<number>>;
}
