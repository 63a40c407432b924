import { EngineError } from "../errors.ts";
import { compareCodePoints } from "../formats/python-json.ts";
import type { Ranking } from "./ranking-metrics.ts";
import type { TopRanked } from "./top-ranked.ts";

type ById<Value> = Readonly<Record<string, Value>> | ReadonlyMap<string, Value>;

/** Texts to find, and which of them belong to which query. */
export interface RetrievalData {
  /** Texts by id. */
  queries: ById<string>;
  /** Texts by id. */
  corpus: ById<string>;
  /** Ids of documents by id of query. Queries without any are left out. */
  relevantDocs: ById<Iterable<string>>;
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
    const relevant = new Map(entriesOf(relevantDocs).map(([id, documents]) => [id, new Set(documents)]));
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

const entriesOf = <Value>(values: ById<Value>): [string, Value][] =>
  values instanceof Map ? [...(values as ReadonlyMap<string, Value>)] : Object.entries(values);

function sortedById(documents: [string, string][]): [string, string][] {
  // Plain comparison goes by UTF-16 units, which differs from code points only where surrogates meet what is above them.
  const plain = documents.every(([id]) => !/[\ud800-\uffff]/.test(id));
  const compare = plain ? (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0) : compareCodePoints;
  return documents.sort(([a], [b]) => compare(a, b));
}
