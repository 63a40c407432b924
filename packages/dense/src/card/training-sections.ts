import type { ColumnFacts, DatasetFacts, LossFacts, TrainingFacts } from "../card-facts.ts";
import { cell, clipped, code, short, table } from "./markdown.ts";

const SAMPLE_CHARACTERS = 200;
/** Lines of the log that are shown at once. */
const MOST_LINES = 100;

/** What a card tells about a training: data, losses, arguments, log. */
export function trainingSections(training: TrainingFacts): { title: string; text: string }[] {
  const { trainDatasets, evalDatasets, nonDefaultArguments, log, bestStep } = training;
  const data = [
    ...trainDatasets.map((facts) => datasetText(facts, "Training data")),
    ...evalDatasets.map((facts) => datasetText(facts, "Evaluation data")),
  ];
  const sections = [{ title: "Training", text: data.join("\n\n") }];
  const names = Object.keys(nonDefaultArguments);
  if (names.length > 0) {
    const lines = names.map((name) => `- ${code(name)}: ${code(nonDefaultArguments[name])}`);
    sections.push({ title: "Training arguments", text: `Those that are not the defaults:\n\n${lines.join("\n")}` });
  }
  if (log.length > 0) {
    const metrics = [...new Set(log.flatMap((line) => Object.keys(line.metrics)))];
    const rows = log.map((line) => {
      const loss = line.trainingLoss === null ? "-" : short(line.trainingLoss);
      const values = metrics.map((name) => (name in line.metrics ? short(line.metrics[name]!) : "-"));
      const cells = [short(line.epoch), String(line.step), loss, ...values];
      return line.step === bestStep ? cells.map((text) => (text === "-" ? text : `**${text}**`)) : cells;
    });
    const lines = table(["epoch", "step", "training loss", ...metrics.map(cell)], rows);
    const note = bestStep === null ? "" : "\n\nThe bold line is the step whose weights these are.";
    const text = rows.length > MOST_LINES ? `<details>\n<summary>All steps</summary>\n\n${lines}\n\n</details>` : lines;
    sections.push({ title: "Training log", text: text + note });
  }
  return sections;
}

/** Tags that tell what it was trained on and how. */
export const trainingTags = ({ trainDatasets, losses }: TrainingFacts): string[] => [
  "generated_from_trainer",
  `dataset_size:${trainDatasets.reduce((sum, { rows }) => sum + rows, 0)}`,
  ...new Set(losses.map(({ name }) => `loss:${name}`)),
];

function datasetText({ name, rows, columns, samples, loss }: DatasetFacts, heading: string): string {
  const title = name === null ? heading : `${heading}: ${cell(name)}`;
  const facts = columns.map((column) => [cell(column.name), column.type, columnText(column)]);
  const parts = [
    `### ${title}`,
    `${rows.toLocaleString("en")} rows. Of the first 1,000:`,
    table(["column", "type", "what is in it"], facts),
  ];
  if (samples.length > 0) {
    const names = columns.map((column) => column.name);
    const cells = samples.map((sample) => names.map((each) => sampleText(sample[each])));
    parts.push("Samples:", table(names.map(cell), cells));
  }
  return [...parts, lossText(loss)].join("\n\n");
}

function columnText({ type, range, shares }: ColumnFacts): string {
  if (range) {
    const unit = type === "string" ? " tokens" : type === "list" ? " elements" : "";
    return `least ${short(range.min)}${unit}, mean ${short(range.mean)}${unit}, most ${short(range.max)}${unit}`;
  }
  const parts = Object.entries(shares ?? {}).map(([value, share]) => `${cell(value)}: ${(100 * share).toFixed(1)} %`);
  return parts.slice(0, 20).join(", ");
}

const sampleText = (value: unknown): string =>
  cell(clipped(typeof value === "string" ? value : (JSON.stringify(value) ?? ""), SAMPLE_CHARACTERS));

function lossText({ name, config }: LossFacts): string {
  const text = JSON.stringify(config, null, 2).replace(/```/g, "'''");
  return Object.keys(config).length === 0
    ? `Loss: ${code(name)}.`
    : `Loss: ${code(name)} with\n\n\`\`\`json\n${text}\n\`\`\``;
}
