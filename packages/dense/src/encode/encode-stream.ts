import { EngineError } from "@ettin/core";

/** Texts of a stream with their embeddings. */
export interface EncodedTexts<Embedding> {
  /** The number of the first of them in the stream. */
  readonly start: number;
  readonly texts: readonly string[];
  /** One each, views of one buffer. */
  readonly embeddings: readonly Embedding[];
}

/**
 * Encodes a stream of texts, `size` at a time. While a batch is in the caller's hands the next one is encoded; leaving the
 * loop stops it.
 *
 * @param encode texts to embeddings; its signal is aborted when the loop is left
 */
export async function* encodeInTurn<Embedding>(
  source: Iterable<string> | AsyncIterable<string>,
  encode: (texts: readonly string[], signal: AbortSignal) => Promise<Embedding[]>,
  { size, signal }: { size: number; signal?: AbortSignal | undefined },
): AsyncGenerator<EncodedTexts<Embedding>, void, undefined> {
  if (!Number.isInteger(size) || size < 1) {
    throw new EngineError("encodeStream", `textsPerBatch is ${size}`, "Use a whole number from 1.");
  }
  const left = new AbortController();
  const stop = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
  let before: Promise<EncodedTexts<Embedding>> | null = null;
  let start = 0;
  try {
    for await (const texts of inGroups(source, size)) {
      signal?.throwIfAborted();
      const first = start;
      const current = encode(texts, stop).then((embeddings) => ({ start: first, texts, embeddings }));
      current.catch(() => {}); // awaited below: not unhandled while the batch before it is
      start += texts.length;
      const done: Promise<EncodedTexts<Embedding>> | null = before;
      before = current;
      if (done) yield await done;
    }
    const last = before;
    before = null;
    if (last) yield await last;
  } finally {
    left.abort();
    await before?.catch(() => {});
  }
}

async function* inGroups(source: Iterable<string> | AsyncIterable<string>, size: number): AsyncGenerator<string[]> {
  let group: string[] = [];
  for await (const text of source) {
    group.push(text);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
