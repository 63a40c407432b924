import { EngineError } from "../errors.ts";
import { modelFingerprint } from "../index/model-fingerprint.ts";
import { type Rows, rowsOf } from "../similarity/vector-rows.ts";
import type { AnchoredTexts } from "./anchored-texts.ts";
import { cacheFile, readEmbeddings, writeEmbeddings } from "./embedding-cache.ts";
import { encodeTexts, unitRows } from "./encode-texts.ts";
import type { MiningEncodeOptions, MiningEncoder } from "./mining-encoder.ts";
import type { MineHardNegativesOptions, PrecomputedEmbeddings } from "./mining-options.ts";

/** The embeddings of anchors and corpus at length 1: given, kept from another run, or made by the model. */
export async function anchorAndCorpusEmbeddings(
  where: string,
  texts: AnchoredTexts,
  options: MineHardNegativesOptions,
): Promise<{ anchors: Rows; corpus: Rows }> {
  const { model, precomputed, cacheFolder } = options;
  if (precomputed) return fromGiven(where, texts, precomputed, options.dataset.length, options.corpus?.length ?? 0);
  if (!model) throw new EngineError(where, "there is no model", "Pass one, or precomputed embeddings.");
  const name = cacheFolder === undefined ? "" : await modelFingerprint(model);
  const corpus = await made(where, "corpus", texts.corpus, model, name, options);
  const anchors = await made(where, "query", texts.anchors, model, name, options);
  expectSameDim(where, anchors, corpus);
  return { anchors, corpus };
}

async function made(
  where: string,
  what: "query" | "corpus",
  texts: readonly string[],
  model: MiningEncoder,
  name: string,
  options: MineHardNegativesOptions,
): Promise<Rows> {
  const { cacheFolder, batchSize = 32, onProgress, onNotice, signal } = options;
  const prompt = what === "query" ? options.queryPrompt : options.corpusPrompt;
  const promptName = what === "query" ? options.queryPromptName : options.corpusPromptName;
  const path = cacheFolder === undefined ? null : cacheFile(cacheFolder, what, name, { prompt, promptName }, texts);
  const kept = path && (await readEmbeddings(where, path, texts.length));
  if (kept) {
    onNotice?.(`Embeddings of ${texts.length} texts come from ${path}.`);
    return kept;
  }
  const encode: MiningEncodeOptions = {
    batchSize,
    normalizeEmbeddings: true,
    ...(prompt === undefined ? {} : { prompt }),
    ...(promptName === undefined || prompt !== undefined ? {} : { promptName }),
    ...(signal ? { signal } : {}),
  };
  const stage = what === "query" ? "encoding the anchors" : "encoding the corpus";
  const embeddings = await encodeTexts(
    where,
    texts,
    (some) => (what === "query" ? model.encodeQuery(some, encode) : model.encodeDocument(some, encode)),
    (done, total) => onProgress?.({ stage, done, total }),
    signal,
  );
  if (path) {
    await writeEmbeddings(path, embeddings);
    onNotice?.(`Embeddings of ${texts.length} texts are in ${path}.`);
  }
  return embeddings;
}

async function fromGiven(
  where: string,
  texts: AnchoredTexts,
  given: PrecomputedEmbeddings,
  rows: number,
  corpusTexts: number,
): Promise<{ anchors: Rows; corpus: Rows }> {
  const expectCount = (name: string, found: number, right: number): void => {
    if (found === right) return;
    throw new EngineError(
      where,
      `precomputed.${name} has ${found} embeddings for ${right} texts`,
      "Give one for each.",
    );
  };
  const extra = given.corpus ?? [];
  expectCount("anchors", given.anchors.length, rows);
  expectCount("positives", given.positives.length, rows);
  expectCount("corpus", extra.length, corpusTexts);
  const all = [...extra, ...given.positives];
  const anchors = rowsOf(
    where,
    "precomputed anchor",
    Array.from(texts.anchorSources, (i) => given.anchors[i]!),
  );
  const corpus = rowsOf(
    where,
    "precomputed text",
    Array.from(texts.corpusSources, (i) => all[i]!),
  );
  expectSameDim(where, anchors, corpus);
  const called = (of: readonly string[]) => (row: number) => JSON.stringify(of[row]!.slice(0, 80));
  return {
    anchors: { ...anchors, data: await unitRows(where, anchors, called(texts.anchors)) },
    corpus: { ...corpus, data: await unitRows(where, corpus, called(texts.corpus)) },
  };
}

function expectSameDim(where: string, anchors: Rows, corpus: Rows): void {
  if (anchors.dim === corpus.dim) return;
  throw new EngineError(
    where,
    `anchors have ${anchors.dim} numbers, texts ${corpus.dim}`,
    "Encode both with one model.",
  );
}
