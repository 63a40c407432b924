import { EngineError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../known-options.ts";
import { type Rows, rowsOf } from "../similarity/vector-rows.ts";
import { bestRows, part } from "./best-rows.ts";

export interface CommunityOptions {
  /** Cosine from which two embeddings are close. @default 0.75 */
  threshold?: number;
  /** Embeddings in a community, at least. @default 10 */
  minCommunitySize?: number;
  /** Embeddings whose neighbours are looked for together. @default 1024 */
  batchSize?: number;
  /** Called with the number of embeddings whose neighbours are known. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

const OPTIONS: OptionNames<CommunityOptions> = {
  ...{ threshold: true, minCommunitySize: true, batchSize: true, onProgress: true, signal: true },
};

/** Numbers of members that are kept; what is beyond is looked for a second time. */
const MEMBERS_KEPT = 1 << 25;
/** Numbers of neighbours that are looked for at once. */
const NEIGHBOURS_AT_ONCE = 1 << 21;

interface Community {
  readonly centre: number;
  readonly size: number;
  members: Int32Array | null;
}

/**
 * Groups of embeddings that are close to one of them. Each embedding belongs to one group at most, the largest first;
 * a group's first number is its centre, unless a larger group has it, and the nearest follow.
 *
 * @returns groups of numbers of embeddings, the largest group first
 * @see https://sbert.net/docs/package_reference/util.html
 */
export async function communityDetection(
  embeddings: readonly Float32Array[],
  options: CommunityOptions = {},
): Promise<number[][]> {
  const where = "communityDetection";
  checkOptions(where, options, OPTIONS);
  const { minCommunitySize = 10, batchSize = 1024, onProgress, signal } = options;
  const threshold = Math.fround(options.threshold ?? 0.75);
  for (const [name, value] of Object.entries({ minCommunitySize, batchSize })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new EngineError(where, `${name} is ${value}`, "Use a whole number from 1 on.");
  }
  const all = rowsOf(where, "embedding", embeddings);
  if (all.rows === 0) return [];
  const least = Math.min(minCommunitySize, all.rows);
  const found: Community[] = [];
  let kept = 0;
  for (let start = 0; start < all.rows; start += batchSize) {
    const end = Math.min(all.rows, start + batchSize);
    const numbers = Array.from({ length: end - start }, (_, i) => start + i);
    await closeTo(all, numbers, threshold, least, signal, (centre, members) => {
      const keep = kept + members.length <= MEMBERS_KEPT;
      if (keep) kept += members.length;
      found.push({ centre, size: members.length, members: keep ? members.slice() : null });
    });
    onProgress?.(end, all.rows);
  }
  found.sort((a, b) => b.size - a.size || a.centre - b.centre);

  const used = new Uint8Array(all.rows);
  const groups: number[][] = [];
  for (const { centre, members } of found) {
    let numbers = members;
    if (!numbers) {
      await closeTo(all, [centre], threshold, least, signal, (_, again) => {
        numbers = again;
      });
    }
    const free = Array.from(numbers!.filter((number) => used[number] === 0));
    if (free.length < least) continue;
    for (const number of free) used[number] = 1;
    groups.push(free);
  }
  return groups.sort((a, b) => b.length - a.length);
}

/** Calls back with the numbers that are close to each of some embeddings, nearest first, where they are enough. */
async function closeTo(
  all: Rows,
  numbers: readonly number[],
  threshold: number,
  least: number,
  signal: AbortSignal | undefined,
  use: (centre: number, members: Int32Array) => void,
): Promise<void> {
  let k = Math.min(Math.max(2 * least, 50), all.rows);
  let open = numbers;
  const results = new Map<number, Int32Array>();
  while (open.length > 0) {
    const next: number[] = [];
    const atOnce = Math.max(1, Math.floor(NEIGHBOURS_AT_ONCE / k));
    for (let start = 0; start < open.length; start += atOnce) {
      const asked = open.slice(start, start + atOnce);
      const best = await bestRows(chosenRows(all, asked), all, k, { scoreFunction: "cosine", signal });
      asked.forEach((number, i) => {
        let count = 0;
        while (count < k && best.scores[i * k + count]! >= threshold) count++;
        if (count === k && k < all.rows) next.push(number);
        else if (count >= least) results.set(number, best.rows.slice(i * k, i * k + count));
      });
    }
    open = next;
    k = Math.min(2 * k, all.rows);
  }
  for (const number of numbers) {
    const members = results.get(number);
    if (members) use(number, members);
  }
}

/** Some of the embeddings: without a copy where they follow each other. */
function chosenRows(all: Rows, numbers: readonly number[]): Rows {
  const [first] = numbers;
  if (numbers.at(-1)! - first! === numbers.length - 1) return part(all, first!, first! + numbers.length);
  const { dim } = all;
  const data = new Float32Array(numbers.length * dim);
  numbers.forEach((number, i) => {
    data.set(all.data.subarray(number * dim, (number + 1) * dim), i * dim);
  });
  return { data, rows: numbers.length, dim };
}
