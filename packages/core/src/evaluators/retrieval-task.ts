import { EngineError } from "../errors.ts";
import { compareCodePoints } from "../formats/python-json.ts";
import type { Ranking } from "./ranking-metrics.ts";
import type { TopRanked } from "./top-ranked.ts";

type ById<Value> = Readonly<Record<string, Value>> | ReadonlyMap<string, Value>;

/** Ids: a list or a set. A text, whose letters would be ids, is none. */
export type IdList = Iterable<string> & object;

/** Texts to find, and which of them belong to which query. */
export interface RetrievalData {
  /** Texts by id. */
  queries: ById<string>;
  /** Texts by id. */
  corpus: ById<string>;
  /** Ids of documents by id of query. Queries without any are left out. */
  relevantDocs: ById<IdList>;
}

/**
 * Queries, a corpus in the ascending order of its ids, and what belongs together. In this order documents of equal scores
 * rank by their ids, where the lower row goes first.
 */
export class RetrievalTask {
  readonly queryIds: readonly string[];
  readonly queries: readonly string[];
  readonly corpusIds: readonly string[];
  readonly corpus: readonly string[];
  /** By query: the rows of its documents that are in the corpus. */
  private readonly relevantRows: readonly ReadonlySet<number>[];
  /** By query: how many documents it has, in the corpus or not. */
  private readonly relevantCounts: readonly number[];

  constructor(where: string, { queries, corpus, relevantDocs }: RetrievalData) {
    const relevant = new Map(entriesOf(relevantDocs).map(([id, documents]) => [id, idsOf(where, id, documents)]));
    const used = entriesOf(queries).filter(([id]) => (relevant.get(id)?.size ?? 0) > 0);
    if (used.length === 0) {
      throw new EngineError(
        where,
        `none of ${entriesOf(queries).length} queries has a document in relevantDocs`,
        "Give relevantDocs under the ids of the queries.",
      );
    }
    const documents = sortedById(entriesOf(corpus));
    if (documents.length === 0) throw new EngineError(where, "the corpus is empty", "Give it documents.");
    const rows = new Map(documents.map(([id], row) => [id, row]));
    this.queryIds = used.map(([id]) => id);
    this.queries = used.map(([, text]) => text);
    this.corpusIds = documents.map(([id]) => id);
    this.corpus = documents.map(([, text]) => text);
    this.relevantCounts = used.map(([id]) => relevant.get(id)!.size);
    this.relevantRows = used.map(
      ([id]) => new Set([...relevant.get(id)!].flatMap((document) => rows.get(document) ?? [])),
    );
    if (this.relevantRows.every(({ size }) => size === 0)) {
      const [missing] = relevant.get(this.queryIds[0]!)!;
      throw new EngineError(
        where,
        `none of the documents in relevantDocs is in the corpus: ${JSON.stringify(missing)} of the query ` +
          `${JSON.stringify(this.queryIds[0])} is not, and the corpus has ${JSON.stringify(this.corpusIds[0])}`,
        "Give relevantDocs the ids of the corpus.",
      );
    }
  }

  /** What ranking metrics are computed from. */
  rankings(top: readonly TopRanked[]): Ranking[] {
    return top.map(({ rows, length }, query) => ({
      hits: Array.from({ length }, (_, i) => this.relevantRows[query]!.has(rows[i]!)),
      relevant: this.relevantCounts[query]!,
    }));
  }

  /** A line of JSON for each query: its id, its text, and the ids and scores of its documents, the best first. */
  predictions(top: readonly TopRanked[]): string {
    const lines = top.map(({ rows, scores, length }, query) => {
      const results = Array.from({ length }, (_, i) => ({ corpus_id: this.corpusIds[rows[i]!]!, score: scores[i]! }));
      return JSON.stringify({ query_id: this.queryIds[query], query: this.queries[query], results });
    });
    return `${lines.join("\n")}\n`;
  }
}

function idsOf(where: string, query: string, ids: unknown): ReadonlySet<string> {
  if (typeof ids === "object" && ids !== null && Symbol.iterator in ids) return new Set(ids as Iterable<string>);
  throw new EngineError(
    where,
    `relevantDocs of the query ${JSON.stringify(query)} is ${JSON.stringify(ids)}`,
    `Give a list or a set of ids${typeof ids === "string" ? `: [${JSON.stringify(ids)}]` : ""}.`,
  );
}

const entriesOf = <Value>(values: ById<Value>): [string, Value][] =>
  values instanceof Map ? [...(values as ReadonlyMap<string, Value>)] : Object.entries(values);

function sortedById(documents: [string, string][]): [string, string][] {
  // Plain comparison goes by UTF-16 units, which differs from code points only where surrogates meet what is above them.
  const plain = documents.every(([id]) => !/[\ud800-\uffff]/.test(id));
  const compare = plain ? (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0) : compareCodePoints;
  return documents.sort(([a], [b]) => compare(a, b));
}
