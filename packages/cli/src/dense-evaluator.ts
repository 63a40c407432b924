import { type Dataset, numberOf, type SentenceEvaluator, textOf } from "@ettin/core";
import type { SentenceTransformer } from "@ettin/dense";
import { UsageError } from "./command.ts";

/** What held-out rows are measured by. */
export const EVALUATORS = ["retrieval", "triplet", "similarity", "binary", "none"] as const;
export type EvaluatorName = (typeof EVALUATORS)[number];

const WHERE = "ettin train dense";

/** What fits rows, by their columns: two texts are retrieval, three a triplet, with a label similarity. */
export function evaluatorFor(inputs: readonly string[], label: string | null): EvaluatorName {
  if (label !== null) return inputs.length === 2 ? "similarity" : "none";
  if (inputs.length === 2) return "retrieval";
  return inputs.length >= 3 ? "triplet" : "none";
}

/** The metric that tells the best step. */
export function bestMetric(name: EvaluatorName, similarity: string): string {
  if (name === "retrieval") return `eval_dev_${similarity}_ndcg@10`;
  if (name === "triplet") return `eval_dev_${similarity}_accuracy`;
  if (name === "similarity") return `eval_dev_spearman_${similarity}`;
  return name === "binary" ? `eval_dev_${similarity}_ap` : "eval_loss";
}

/** An evaluator over held-out rows, named "dev"; null of "none". */
export async function makeEvaluator(
  name: EvaluatorName,
  rows: Dataset,
  inputs: readonly string[],
  label: string | null,
): Promise<SentenceEvaluator<SentenceTransformer> | null> {
  if (name === "none") return null;
  const needed = name === "triplet" ? 3 : 2;
  if (inputs.length < needed) {
    throw new UsageError(`--evaluator ${name} needs ${needed} columns of texts, but there are ${inputs.join(", ")}`);
  }
  const labelled = name === "similarity" || name === "binary";
  if (labelled && label === null)
    throw new UsageError(`--evaluator ${name} needs a column label, labels, score or scores`);
  const dense = await import("@ettin/dense");
  const texts = (at: number) => Array.from(rows, (row) => textOf(WHERE, row, inputs[at]!));
  const numbers = () => Array.from(rows, (row) => numberOf(WHERE, row, label!));
  if (name === "triplet") {
    const [anchors, positives, negatives] = [texts(0), texts(1), texts(2)];
    return new dense.TripletEvaluator({ anchors, positives, negatives, name: "dev" });
  }
  if (name === "retrieval")
    return new dense.InformationRetrievalEvaluator({ ...retrieval(texts(0), texts(1)), name: "dev" });
  const pairs = { sentences1: texts(0), sentences2: texts(1), name: "dev" };
  if (name === "similarity") return new dense.EmbeddingSimilarityEvaluator({ ...pairs, scores: numbers() });
  return new dense.BinaryClassificationEvaluator({ ...pairs, labels: numbers() });
}

/** Each text of the first column is a query, and all texts of the second are the corpus. */
function retrieval(anchors: readonly string[], positives: readonly string[]) {
  const ids = new Map<string, string>();
  const corpus = new Map<string, string>();
  for (const text of positives) {
    if (ids.has(text)) continue;
    const id = `p${ids.size}`;
    ids.set(text, id);
    corpus.set(id, text);
  }
  const queries = new Map<string, string>();
  const byText = new Map<string, string>();
  const relevantDocs = new Map<string, Set<string>>();
  anchors.forEach((text, i) => {
    const id = byText.get(text) ?? `q${byText.size}`;
    byText.set(text, id);
    queries.set(id, text);
    const relevant = relevantDocs.get(id) ?? new Set();
    relevantDocs.set(id, relevant.add(ids.get(positives[i]!)!));
  });
  return { queries, corpus, relevantDocs };
}
