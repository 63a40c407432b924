import type { CardResult, EvaluationFacts } from "@ettin/core";
import { cell, short, table } from "./markdown.ts";

/** The hub's names of what evaluators measure. */
const TASKS: Readonly<Record<string, string>> = {
  InformationRetrievalEvaluator: "information-retrieval",
  NanoBEIREvaluator: "information-retrieval",
  TripletEvaluator: "triplet",
  EmbeddingSimilarityEvaluator: "semantic-similarity",
  BinaryClassificationEvaluator: "binary-classification",
  ParaphraseMiningEvaluator: "paraphrase-mining",
  TranslationEvaluator: "translation",
  RerankingEvaluator: "reranking",
};

/** A metric without the evaluator's name before it. */
const bare = (metric: string, { name }: EvaluationFacts): string =>
  name !== "" && metric.startsWith(`${name}_`) ? metric.slice(name.length + 1) : metric;

const title = (metric: string): string =>
  metric.replace(/(^|_)([a-z])/g, (_, gap: string, letter: string) => `${gap ? " " : ""}${letter.toUpperCase()}`);

/** Evaluations as the hub's leaderboards read them. */
export const evaluationResults = (evaluations: readonly EvaluationFacts[]): CardResult[] =>
  evaluations.map((facts) => ({
    task: TASKS[facts.evaluator] ?? "custom",
    dataset: { name: facts.name || "unknown", type: facts.name.replace(/\s+/g, "-") || "unknown" },
    metrics: Object.entries(facts.metrics).map(([metric, value]) => {
      const type = bare(metric, facts);
      return { type, value, name: title(type) };
    }),
  }));

/** Tables of metrics: evaluations of one kind with the same metrics share one, a column each; the main metric is bold. */
export function evaluationTables(evaluations: readonly EvaluationFacts[]): string {
  const groups = new Map<string, EvaluationFacts[]>();
  for (const facts of evaluations) {
    const key = [facts.evaluator, ...Object.keys(facts.metrics).map((metric) => bare(metric, facts))].join("\n");
    groups.set(key, [...(groups.get(key) ?? []), facts]);
  }
  return [...groups.values()]
    .map((group) => {
      const [first] = group as [EvaluationFacts];
      const rows = Object.keys(first.metrics).map((metric) => {
        const name = bare(metric, first);
        const isMain = first.primaryMetric !== null && bare(first.primaryMetric, first) === name;
        const strong = (text: string) => (isMain ? `**${text}**` : text);
        const values = group.map((facts) => {
          const value = Object.entries(facts.metrics).find(([each]) => bare(each, facts) === name)![1];
          return strong(short(value));
        });
        return [strong(cell(name)), ...values];
      });
      const head = ["metric", ...group.map(({ name }) => cell(name) || "value")];
      return `### ${cell(first.description)}\n\nMeasured by ${cell(first.evaluator)}.\n\n${table(head, rows, { numbers: true })}`;
    })
    .join("\n\n");
}
