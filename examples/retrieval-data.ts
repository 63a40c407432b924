// Questions and passages for examples: a folder with corpus.jsonl {"id", "text"} and questions.jsonl {"query",
// "positive_id", "split"}, or anything that loadDataset reads with the columns "query" and "positive".
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Dataset, loadDataset, requireColumns } from "@ettin/core";

export type Pair = { query: string; positive: string };

/** What an InformationRetrievalEvaluator takes: texts by id, and which passages answer which question. */
export interface RetrievalSplit {
  readonly queries: ReadonlyMap<string, string>;
  readonly relevantDocs: ReadonlyMap<string, readonly string[]>;
}

export interface RetrievalData {
  /** All passages by id. */
  readonly corpus: ReadonlyMap<string, string>;
  readonly train: Dataset<Pair>;
  readonly dev: RetrievalSplit;
  readonly test: RetrievalSplit;
}

type Question = { query: string; positive_id: string; split: string };

export async function retrievalData(path: string): Promise<RetrievalData> {
  const { passages, questions } = existsSync(join(path, "questions.jsonl"))
    ? await fromFolder(path)
    : await fromPairs(path);
  const corpus = new Map(passages.map(({ id, text }) => [id, text]));
  const part = (split: string): RetrievalSplit => {
    const queries = new Map<string, string>();
    const relevantDocs = new Map<string, string[]>();
    for (const { query, positive_id } of questions.filter((each) => each.split === split)) {
      const id = `${split}/${queries.size}`;
      queries.set(id, query);
      relevantDocs.set(id, [positive_id]);
    }
    return { queries, relevantDocs };
  };
  const pairs = questions
    .filter(({ split }) => split === "train")
    .map(({ query, positive_id }) => ({ query, positive: corpus.get(positive_id)! }));
  const test = part("test");
  const dev = part("dev");
  return { corpus, train: Dataset.fromRows<Pair>(pairs), dev: dev.queries.size > 0 ? dev : test, test };
}

async function fromFolder(path: string) {
  const corpus = await loadDataset<{ id: string; title?: string; text: string }>(join(path, "corpus.jsonl"));
  const questions = await loadDataset<Question>(join(path, "questions.jsonl"));
  requireColumns("retrievalData", corpus, ["id", "text"]);
  requireColumns("retrievalData", questions, ["query", "positive_id", "split"]);
  return { passages: [...corpus], questions: [...questions] };
}

/** Pairs without splits: a tenth of the passages, with all their questions, is kept for the test, a twentieth for dev. */
async function fromPairs(path: string) {
  const pairs = await loadDataset<Pair>(path);
  requireColumns("retrievalData", pairs, ["query", "positive"]);
  const ids = new Map<string, string>();
  for (const text of pairs.column("positive")) if (!ids.has(text)) ids.set(text, String(ids.size));
  const passages = [...ids].map(([text, id]) => ({ id, text }));
  const splitOf = (id: string) => (Number(id) % 20 === 19 ? "dev" : Number(id) % 10 === 0 ? "test" : "train");
  const questions = Array.from(pairs, ({ query, positive }) => {
    const positive_id = ids.get(positive)!;
    return { query, positive_id, split: splitOf(positive_id) };
  });
  return { passages, questions };
}
