import { modelCard } from "@ettin/core";
import type { CardFacts, TrainingFacts } from "../card-facts.ts";
import type { SentenceTransformer } from "../model.ts";
import type { CardData } from "./card-data.ts";
import { evaluationResults, evaluationTables } from "./evaluation-tables.ts";
import { cell, clipped, table } from "./markdown.ts";
import { trainingSections, trainingTags } from "./training-sections.ts";
import { usage } from "./usage.ts";

const TEXTS: readonly string[] = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."];
const TAGS: readonly string[] = ["sentence-transformers", "sentence-similarity", "feature-extraction", "dense"];
/** What stands for the name in the usage of a card whose model had none: here, and in Python. */
const UNNAMED = ["path/to/this/folder", "sentence_transformers_model_id"] as const;

/**
 * The README.md of a model that is saved: the one that it came with, unless it was trained or `card` says something.
 *
 * @param modelName "owner/name", for the usage
 */
export async function readmeOf(
  model: SentenceTransformer,
  readme: string | null,
  { card, modelName }: { card: CardData | undefined; modelName: string | undefined },
): Promise<string> {
  if (readme === null || card !== undefined || model.cardFacts.training !== null) {
    return sentenceTransformerCard(model, modelName === undefined ? card : { name: modelName, ...card });
  }
  return modelName === undefined
    ? readme
    : UNNAMED.reduce((text, name) => text.replaceAll(name, () => modelName), readme);
}

/**
 * The README.md of a model: what it is, how it is used (with numbers that it gives), how it was evaluated and trained.
 *
 * @param data goes before what the model's `cardData` says
 */
async function sentenceTransformerCard(model: SentenceTransformer, data: CardData = {}): Promise<string> {
  const said = { ...model.cardData, ...data };
  const { training, evaluations }: CardFacts = model.cardFacts;
  const name =
    said.name ?? (model.baseModel === null ? "SentenceTransformer" : `SentenceTransformer based on ${model.baseModel}`);
  const base = model.baseModel;
  const about = base === null ? "" : ` It was made from [${cell(base)}](https://huggingface.co/${encodeURI(base)}).`;
  const description =
    said.description ??
    `This model makes of a text a vector of ${model.embeddingDimension} numbers, for search, similarity, clustering and ` +
      `classification.${about}`;
  return modelCard({
    name,
    description,
    ...(said.license !== undefined && { license: said.license }),
    ...(said.language !== undefined && { language: said.language }),
    ...(said.datasets !== undefined && { datasets: said.datasets }),
    ...(base !== null && { baseModel: base }),
    libraryName: "sentence-transformers",
    pipelineTag: "sentence-similarity",
    tags: [...TAGS, ...(training ? trainingTags(training) : []), ...(said.tags ?? [])],
    results: evaluationResults(evaluations),
    ...(evaluations.length > 0 && { evaluation: evaluationTables(evaluations) }),
    usage: await example(model, said.name ?? base ?? UNNAMED[0], training),
    sections: [{ title: "Model", text: modelText(model) }, ...(training ? trainingSections(training) : [])],
  });
}

async function example(model: SentenceTransformer, name: string, training: TrainingFacts | null) {
  const texts = samplesOf(training) ?? TEXTS;
  const asymmetric = (model.prompts.query ?? "") !== (model.prompts.document ?? "");
  const whole = { normalizeEmbeddings: false, precision: "float32" } as const;
  const rows = asymmetric
    ? { a: await model.encodeQuery(texts.slice(0, 1), whole), b: await model.encodeDocument(texts.slice(1), whole) }
    : { a: await model.encode(texts, whole), b: null };
  const { data, shape } = await model.similarity(rows.a, rows.b ?? rows.a);
  const [n, m] = shape as [number, number];
  const similarities = Array.from({ length: n }, (_, i) => [...data.subarray(i * m, (i + 1) * m)]);
  return usage({ name, texts, dimension: model.embeddingDimension, similarities, asymmetric });
}

/** Texts of the first sample of a training, where it has three or more. */
function samplesOf(training: TrainingFacts | null): string[] | null {
  const samples = training?.trainDatasets.flatMap((facts) => facts.samples) ?? [];
  const texts = samples.flatMap((sample) => Object.values(sample)).filter((value) => typeof value === "string");
  const distinct = [...new Set(texts.map((text) => clipped(text.replace(/\s+/g, " ").trim(), 200)))].filter(Boolean);
  return distinct.length >= 3 ? distinct.slice(0, 3) : null;
}

function modelText(model: SentenceTransformer): string {
  const length = Number.isFinite(model.maxSeqLength) ? `${model.maxSeqLength} tokens` : "any";
  const prompts = Object.entries(model.prompts).filter(([, text]) => text !== "");
  const rows = [
    ["longest text", length],
    ["numbers in an embedding", String(model.embeddingDimension)],
    ["similarity", model.similarityFnName],
    ["modules", model.modules.map(({ className }) => className).join(", ")],
    ...prompts.map(([name, text]) => [`prompt "${cell(name)}"`, cell(JSON.stringify(text))]),
  ];
  return table(["", ""], rows as string[][]);
}
