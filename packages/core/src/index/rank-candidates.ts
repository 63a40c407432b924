import type { ExactRows } from "./exact-rows.ts";
import type { ItemTable } from "./item-table.ts";
import type { Hit, SearchOptions } from "./vector-index.ts";

/** Candidates beyond those that are asked for: near ones whose scores rounding may have put in another order. */
const SPARE = 16;
/** Dead rows beyond which a search does not ask for so many more candidates at once. */
const MOST_DEAD = 512;

/**
 * The best items for each query. Candidates that are dead or filtered out make room for more: the search is repeated
 * with more of them, up to all rows, for the queries that lack some.
 *
 * @param queries `[queries, dim]`
 */
export async function rankCandidates(
  rows: ExactRows,
  table: ItemTable,
  queries: Float32Array,
  options: SearchOptions & { k: number },
): Promise<Hit[][]> {
  const { dim, metric, storage } = rows.format;
  const { k, filter, signal, rescoreMultiplier = 4 } = options;
  const count = queries.length / dim;
  const results: Hit[][] = Array.from({ length: count }, () => []);
  const all = rows.rows;
  if (all === 0) return results;

  const isExact = !rows.codes && metric !== "euclidean";
  const multiplier = rows.codes && (rows.vectors || storage === "binary") ? Math.max(1, rescoreMultiplier) : 1;
  const wanted = isExact ? k : Math.ceil(k * multiplier) + (multiplier === 1 ? SPARE : 0);
  const allowed = (row: number): boolean => {
    const id = table.idAt(row);
    return id !== null && (!filter || filter(id, table.metadataAt(row)));
  };

  let open = Array.from({ length: count }, (_, query) => query);
  let fetch = wanted + Math.min(table.freed, MOST_DEAD);
  if (filter) fetch = Math.max(4 * wanted, 64);
  while (open.length > 0) {
    fetch = Math.min(fetch, all);
    const asked = open.length === count ? queries : pick(queries, open, dim);
    const found = await rows.candidates(asked, fetch, signal);
    const lacking: number[] = [];
    const chosen: number[][] = [];
    open.forEach((query, i) => {
      const good: number[] = [];
      for (let place = 0; place < fetch && good.length < wanted; place++) {
        const row = found.rows[i * fetch + place]!;
        if (row < 0) break;
        if (!allowed(row)) continue;
        good.push(row);
        if (!isExact) continue;
        const hit = table.hit(row, found.scores[i * fetch + place]!);
        if (hit) results[query]!.push(hit);
      }
      if (good.length < wanted && fetch < all) {
        lacking.push(query);
        results[query] = [];
      } else if (!isExact) chosen.push([query, ...good]);
    });
    if (!isExact) await rescore(rows, table, queries, chosen, k, results);
    open = lacking;
    fetch *= 8;
  }
  return results;
}

/** Scores rows again, with their floats. `chosen` has a query's number and then its rows. */
async function rescore(
  rows: ExactRows,
  table: ItemTable,
  queries: Float32Array,
  chosen: readonly number[][],
  k: number,
  results: Hit[][],
): Promise<void> {
  const { dim, metric } = rows.format;
  const atOnce = Math.max(1, Math.floor((1 << 22) / dim)); // rows, 16 MB
  for (let start = 0; start < chosen.length; ) {
    let end = start;
    let size = 0;
    while (end < chosen.length && (end === start || size + chosen[end]!.length <= atOnce))
      size += chosen[end++]!.length;
    const part = chosen.slice(start, end);
    const numbers = new Int32Array(size - part.length);
    let filled = 0;
    for (const each of part) for (let i = 1; i < each.length; i++) numbers[filled++] = each[i]!;
    const vectors = await rows.read(numbers);
    let at = 0;
    for (const [query, ...each] of part) {
      const scored = each.map((row) => {
        const score = scoreOf(metric, queries, query! * dim, vectors, at, dim);
        at += dim;
        return { row, score };
      });
      scored.sort((a, b) => b.score - a.score || a.row - b.row);
      const hits = scored.slice(0, k).map(({ row, score }) => table.hit(row, Math.fround(score)));
      results[query!] = hits.filter((hit) => hit !== null);
    }
    start = end;
  }
}

/** In double precision. */
function scoreOf(metric: string, a: Float32Array, atA: number, b: Float32Array, atB: number, dim: number): number {
  let sum = 0;
  if (metric === "euclidean") {
    for (let d = 0; d < dim; d++) sum += (a[atA + d]! - b[atB + d]!) ** 2;
    return -Math.sqrt(sum);
  }
  for (let d = 0; d < dim; d++) sum += a[atA + d]! * b[atB + d]!;
  return sum;
}

function pick(queries: Float32Array, which: readonly number[], dim: number): Float32Array {
  const out = new Float32Array(which.length * dim);
  which.forEach((query, i) => {
    out.set(queries.subarray(query * dim, (query + 1) * dim), i * dim);
  });
  return out;
}
