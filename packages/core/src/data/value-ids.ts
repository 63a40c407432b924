import type { Dataset } from "./dataset.ts";

/** Numbers for the values that occur more than once. */
export interface ValueIds {
  /** `[rows, columns]`: equal numbers for equal values, -1 for a value that nothing equals. */
  readonly ids: Int32Array;
  readonly columns: number;
  /** How many different numbers there are. */
  readonly count: number;
}

/**
 * Compares all values of some columns, as texts, across columns and rows: by hashes of 64 bits, so that no text has to
 * be kept.
 */
export function valueIds(dataset: Dataset, columns: readonly string[]): ValueIds {
  const values = dataset.length * columns.length;
  const [high, low] = [new Uint32Array(values), new Uint32Array(values)];
  let at = 0;
  for (const row of dataset) {
    for (const column of columns) {
      hashText(textOfValue(row[column]));
      high[at] = HASH[0]!;
      low[at++] = HASH[1]!;
    }
  }
  // places of the first value of each hash, plus one, at or behind where the hash points
  const mask = 2 ** Math.ceil(Math.log2(Math.max(2 * values, 2))) - 1;
  const first = new Int32Array(mask + 1);
  const ids = new Int32Array(values).fill(-1);
  let count = 0;
  for (let value = 0; value < values; value++) {
    let slot = low[value]! & mask;
    while (first[slot] !== 0 && !(high[first[slot]! - 1] === high[value] && low[first[slot]! - 1] === low[value])) {
      slot = (slot + 1) & mask;
    }
    if (first[slot] === 0) first[slot] = value + 1;
    else {
      const same = first[slot]! - 1;
      if (ids[same] === -1) ids[same] = count++;
      ids[value] = ids[same]!;
    }
  }
  return { ids, columns: columns.length, count };
}

function textOfValue(value: unknown): string {
  if (typeof value === "string") return value;
  if (ArrayBuffer.isView(value)) return `[${Array.from(value as unknown as ArrayLike<number>).join(",")}]`;
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

const HASH = new Uint32Array(2);

/** Two hashes of 32 bits that mix each other at the end (cyrb53's scheme), left in `HASH`. */
function hashText(text: string): void {
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x9e3779b1);
    b = Math.imul(b ^ code, 0x5f356495);
  }
  const mixedA = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  const mixedB = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  HASH[0] = mixedA ^ (mixedA >>> 15);
  HASH[1] = mixedB ^ (mixedB >>> 15);
}
