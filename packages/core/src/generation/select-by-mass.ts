/**
 * The entries that come first and together weigh at least `mass`: the shortest such start of the order by ascending
 * key. Found by partitions around pivots, as quickselect does, without sorting.
 *
 * @param order entry numbers; reordered, so that the chosen ones come first
 * @param mass their share of `weight`'s sum over `order`, or more than all for all
 * @returns how many of `order` are chosen. Of entries with one key, those that stand last in `order` are taken first
 */
export function selectByMass(order: Int32Array, key: Float64Array, weight: Float64Array, mass: number): number {
  let [begin, end] = [0, order.length];
  let missing = mass;
  while (end - begin > 16) {
    const pivot = median(key[order[begin]!]!, key[order[(begin + end) >> 1]!]!, key[order[end - 1]!]!);
    const [below, upTo, light, equal] = partition(order, key, weight, begin, end, pivot);
    if (light >= missing && below > begin) {
      end = below;
    } else if (light + equal >= missing) {
      missing -= light;
      [begin, end] = [below, upTo];
      break; // all one key, and enough of them
    } else {
      missing -= light + equal;
      begin = upTo;
    }
  }
  // Few entries, or many of one key: one after the other. A stable sort of few.
  const rest = Array.from(order.subarray(begin, end)).reverse();
  if (rest.length <= 16) rest.sort((a, b) => key[a]! - key[b]!);
  order.set(rest, begin);
  for (const entry of rest) {
    begin++;
    missing -= weight[entry]!;
    if (missing <= 0) break;
  }
  return begin;
}

const median = (a: number, b: number, c: number): number => Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));

/** Entries below the pivot, then those at it, then those above, each in the order in which they were. */
function partition(
  order: Int32Array,
  key: Float64Array,
  weight: Float64Array,
  begin: number,
  end: number,
  pivot: number,
): [below: number, upTo: number, light: number, equal: number] {
  const same: number[] = [];
  const above: number[] = [];
  let below = begin;
  let [light, equal] = [0, 0];
  for (let i = begin; i < end; i++) {
    const entry = order[i]!;
    if (key[entry]! < pivot) {
      order[below++] = entry;
      light += weight[entry]!;
    } else if (key[entry] === pivot) {
      same.push(entry);
      equal += weight[entry]!;
    } else above.push(entry);
  }
  order.set(same, below);
  const upTo = below + same.length;
  order.set(above, upTo);
  return [below, upTo, light, equal];
}

/** The k-th largest of x, `1 ≤ k ≤ x.length`, by a heap of k. */
export function largestAt(x: Float32Array, k: number): number {
  const heap = x.slice(0, k);
  for (let i = (k >> 1) - 1; i >= 0; i--) sift(heap, i, heap[i]!);
  let least = heap[0]!;
  for (let i = k; i < x.length; i++) {
    if (x[i]! <= least) continue;
    sift(heap, 0, x[i]!);
    least = heap[0]!;
  }
  return least;
}

/** Puts a value into the heap from place `start` down: every parent is the least of its children and itself. */
function sift(heap: Float32Array, start: number, value: number): void {
  let at = start;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
    if (heap[child]! >= value) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = value;
}
