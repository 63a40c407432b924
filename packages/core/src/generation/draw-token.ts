import { largestOf } from "./warpers.ts";

/**
 * A number in [0, 1) that depends on nothing but the seed, the sequence's number and the token's place in it: Philox
 * 4x32-10, so that a run repeats and sequences draw apart.
 *
 * @see https://www.thesalmons.org/john/random123/papers/random123sc11.pdf
 */
export function drawUniform(seed: number, sequence: number, position: number): number {
  const [a, b] = philox([position, sequence, 0, 0], [seed % 2 ** 32, Math.floor(seed / 2 ** 32)]);
  return (Math.floor(a / 2 ** 5) * 2 ** 26 + Math.floor(b / 2 ** 6)) / 2 ** 53;
}

export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter.map((word) => word >>> 0) as [number, number, number, number];
  let [k0, k1] = [key[0] >>> 0, key[1] >>> 0];
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, c0);
    const [high1, low1] = multiply(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The 64 bits of a product of two words: high, low. */
function multiply(a: number, b: number): [number, number] {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const low = aLow * bLow;
  const middle = aHigh * bLow + Math.floor(low / 2 ** 16);
  const other = aLow * bHigh + (middle % 2 ** 16);
  return [aHigh * bHigh + Math.floor(middle / 2 ** 16) + Math.floor(other / 2 ** 16), Math.imul(a, b) >>> 0];
}

/**
 * Draws a place with the probabilities that the scores give: the first at which their sum passes `uniform`.
 *
 * @returns −1 where no score is a number
 */
export function drawPlace(scores: Float32Array, uniform: number): number {
  const largest = largestOf(scores);
  if (largest === Number.NEGATIVE_INFINITY) return -1;
  let total = 0;
  for (let i = 0; i < scores.length; i++) total += weight(scores[i]!, largest);
  const goal = uniform * total;
  let [sum, last] = [0, -1];
  for (let i = 0; i < scores.length; i++) {
    const own = weight(scores[i]!, largest);
    if (own === 0) continue;
    sum += own;
    last = i;
    if (sum > goal) return i;
  }
  return last;
}

const weight = (score: number, largest: number): number =>
  score === Number.NEGATIVE_INFINITY || Number.isNaN(score) ? 0 : Math.exp(score - largest);

/** The first place of the largest score; −1 where no score is a number. */
export function bestPlace(scores: Float32Array): number {
  let [best, at] = [Number.NEGATIVE_INFINITY, -1];
  for (let i = 0; i < scores.length; i++) {
    if (scores[i]! > best) [best, at] = [scores[i]!, i];
  }
  return at;
}
