import { usageOf } from "./model-card-usage.ts";
import { toYaml, type YamlValue } from "./yaml.ts";

/** One result of an evaluation, for the hub's leaderboards. */
export interface CardResult {
  /** The hub's name of the task, such as "fill-mask". */
  task: string;
  dataset: {
    /** For people: "STS benchmark (test)". */
    name: string;
    /** On the hub: "sentence-transformers/stsb". */
    type: string;
    config?: string;
    split?: string;
    revision?: string;
  };
  /** `type` is the hub's name of the metric, such as "accuracy" or "spearman_cosine". */
  metrics: readonly { type: string; value: number; name?: string }[];
}

export interface ModelCardOptions {
  /** The model's name, the heading of the page; "owner/name" where the usage is to load it from the hub. */
  name: string;
  /** Paragraphs of Markdown below the heading. */
  description?: string;
  /** The hub's key of the license, such as "apache-2.0". */
  license?: string;
  /** ISO 639-1 codes. */
  language?: string | readonly string[];
  /** The Python library that loads the folder. @default "transformers" */
  libraryName?: string;
  /** The hub's name of what it is for: "fill-mask", "text-generation", "feature-extraction", "text-classification". */
  pipelineTag?: string;
  /** Beside "ettin-for-node". */
  tags?: readonly string[];
  /** What it was made from: "owner/name". */
  baseModel?: string | readonly string[];
  /** What it was trained on: "owner/name". */
  datasets?: string | readonly string[];
  /** Names of metrics. @default those of `results` */
  metrics?: readonly string[];
  results?: readonly CardResult[];
  /** Markdown in place of the table of results. */
  evaluation?: string;
  /** Code that uses it. @default by `pipelineTag` */
  usage?: { typescript?: string; python?: string };
  /** More sections of Markdown, after the usage. */
  sections?: readonly { title: string; text: string }[];
}

/**
 * The README.md of a model: front matter that the hub reads (license, languages, library, task, tags, origins, results)
 * and a page for people with usage in TypeScript and Python. Names from outside are escaped.
 */
export function modelCard(options: ModelCardOptions): string {
  const { name, description, results = [], sections = [] } = options;
  const usage = { ...usageOf(options.pipelineTag, name), ...options.usage };
  const parts = [`# ${oneLine(name)}`];
  if (description) parts.push(description.trim());
  parts.push("## Usage");
  if (usage.typescript) parts.push("In Node:", fenced("ts", usage.typescript));
  if (usage.python) parts.push("In Python:", fenced("python", usage.python));
  if (results.length > 0) parts.push("## Evaluation", options.evaluation ?? resultTable(results));
  for (const { title, text } of sections) parts.push(`## ${oneLine(title)}`, text.trim());
  return `---\n${toYaml(frontMatter(options))}---\n\n${parts.join("\n\n")}\n`;
}

function frontMatter(options: ModelCardOptions): YamlValue {
  const { results = [], tags = [] } = options;
  const metrics = options.metrics ?? results.flatMap((result) => result.metrics.map(({ type }) => type));
  return {
    language: several(options.language),
    license: options.license,
    library_name: options.libraryName ?? "transformers",
    pipeline_tag: options.pipelineTag,
    tags: [...new Set(["ettin-for-node", ...tags])],
    base_model: several(options.baseModel),
    datasets: several(options.datasets),
    metrics: metrics.length > 0 ? [...new Set(metrics)] : undefined,
    "model-index": results.length > 0 ? [{ name: options.name, results: results.map(indexEntry) }] : undefined,
  };
}

const several = (value: string | readonly string[] | undefined): YamlValue | undefined =>
  value === undefined || value.length === 0 ? undefined : typeof value === "string" ? [value] : value;

const indexEntry = ({ task, dataset, metrics }: CardResult): YamlValue => ({
  task: { type: task },
  dataset: {
    name: dataset.name,
    type: dataset.type,
    config: dataset.config,
    split: dataset.split,
    revision: dataset.revision,
  },
  metrics: metrics.map(({ type, value, name }) => ({ type, value, name: name ?? type })),
});

function resultTable(results: readonly CardResult[]): string {
  const rows = results.flatMap(({ dataset, metrics }) =>
    metrics.map(
      ({ type, name, value }) => `| ${cell(dataset.name)} | ${cell(name ?? type)} | ${Number(value.toFixed(4))} |`,
    ),
  );
  return ["| data | metric | value |", "| --- | --- | --- |", ...rows].join("\n");
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();

const cell = (text: string): string => oneLine(text).replace(/[\\|]/g, "\\$&");

/** A code block that the code cannot end. */
function fenced(language: string, code: string): string {
  const longest = Math.max(2, ...[...code.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${code.trim()}\n${fence}`;
}
