import { topK } from "../ops/top-k.ts";
import { tensorScope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { bestPlace, drawPlace, drawUniform } from "./draw-token.ts";
import type { GenerationRequest } from "./generation-request.ts";
import { process } from "./processors.ts";
import type { GrowingHistory } from "./score-processor.ts";

interface Row {
  /** The sequence's number, which its draws depend on. */
  readonly row: number;
  readonly history: GrowingHistory;
}

/** The most candidates that the device looks for; more are found faster here. */
const MOST_CANDIDATES = 1024;
/** Candidates behind the k-th, to see that none of them equals it. */
const MORE = 16;

/**
 * The next id of each sequence: rules and warpers, then the best or a draw.
 *
 * @param logits `[R, vocabulary]`
 * @param places the row of scores of each sequence
 * @returns −1 where nothing is left to choose
 */
export async function chooseTokens(
  request: GenerationRequest,
  logits: Tensor,
  sequences: readonly Row[],
  places: readonly number[],
): Promise<number[]> {
  const { processors, settings } = request;
  const vocabulary = logits.shape[1]!;
  const k = processors.topK;
  if (settings.doSample && processors.rules.length === 0 && k > 0 && k <= MOST_CANDIDATES && k + MORE <= vocabulary) {
    const found = await chooseFromBest(request, logits, sequences, places);
    if (found) return found;
  }
  const scores = (await logits.data()) as Float32Array;
  const shared = new Set(places).size < places.length;
  return sequences.map(({ row, history }, i) => {
    const start = places[i]! * vocabulary;
    const own = shared ? scores.slice(start, start + vocabulary) : scores.subarray(start, start + vocabulary);
    process(own, history, processors);
    return settings.doSample ? drawPlace(own, drawUniform(request.seed, row, history.newTokens)) : bestPlace(own);
  });
}

/** The same from the k best alone, which the device finds; null where others equal the last of them. */
async function chooseFromBest(
  { processors, seed }: GenerationRequest,
  logits: Tensor,
  sequences: readonly Row[],
  places: readonly number[],
): Promise<number[] | null> {
  const k = processors.topK;
  const count = k + MORE;
  const reads = tensorScope(() => {
    const { values, indices } = topK(logits, count);
    return [values.data(), indices.data()];
  });
  const [values, ids] = (await Promise.all(reads)) as [Float32Array, Int32Array];
  const chosen: number[] = [];
  for (const [i, { row, history }] of sequences.entries()) {
    const start = places[i]! * count;
    const threshold = values[start + k - 1]!;
    let end = k;
    while (end < count && values[start + end] === threshold) end++;
    if (end === count || Number.isNaN(values[start])) return null;
    // In the order of ids, in which a row of all scores would be drawn from.
    const order = Array.from({ length: end }, (_, j) => start + j).sort((a, b) => ids[a]! - ids[b]!);
    const scores = Float32Array.from(order, (at) => values[at]!);
    processors.temperature?.(scores);
    for (const warper of processors.warpers) warper(scores);
    const place = drawPlace(scores, drawUniform(seed, row, history.newTokens));
    chosen.push(place < 0 ? -1 : ids[order[place]!]!);
  }
  return chosen;
}
