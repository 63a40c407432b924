/** What a model's card tells about a dataset: of its first rows. */
import type { Columns, Dataset, Loss, PackedTexts } from "@ettin/core";
import type { ColumnFacts, DatasetFacts, LossFacts } from "./card-facts.ts";

/** Rows that are counted. */
const ROWS = 1000;
const SAMPLES = 3;

type Tokenize = (texts: readonly string[]) => Promise<PackedTexts>;

/** @param name of several datasets, else "" */
export async function datasetFacts(
  name: string,
  dataset: Dataset,
  loss: Loss<Columns>,
  tokenize: Tokenize,
): Promise<DatasetFacts> {
  const first = dataset.take(ROWS);
  const columns: ColumnFacts[] = [];
  for (const column of dataset.columnNames)
    columns.push(await columnFacts(column, [...first.column(column)], tokenize));
  return {
    name: name === "" ? null : name,
    rows: dataset.length,
    columns,
    samples: [...dataset.take(SAMPLES)],
    loss: lossFacts(loss),
  };
}

/** A loss's class and options. */
export function lossFacts(loss: Loss<Columns>): LossFacts {
  const { name: called, config } = loss as { name?: unknown; config?: unknown };
  const options = typeof config === "function" ? (config.call(loss) as Record<string, unknown>) : {};
  const { name = typeof called === "string" ? called : loss.constructor.name, ...others } = options;
  return { name: String(name), config: others };
}

async function columnFacts(name: string, cells: readonly unknown[], tokenize: Tokenize): Promise<ColumnFacts> {
  const values = cells.filter((value) => value !== null && value !== undefined);
  const type = typeOf(values);
  const facts = { name, type, range: null, shares: null };
  switch (type) {
    case "string": {
      const { offsets } = await tokenize(values as string[]);
      return { ...facts, range: rangeOf(values.map((_, i) => offsets[i + 1]! - offsets[i]!)) };
    }
    case "float":
      return { ...facts, range: rangeOf(values as number[]) };
    case "list":
      return { ...facts, range: rangeOf((values as ArrayLike<unknown>[]).map(({ length }) => length)) };
    case "int":
    case "bool":
      return { ...facts, shares: sharesOf(values as (number | boolean)[]) };
    default:
      return facts;
  }
}

function typeOf(values: readonly unknown[]): ColumnFacts["type"] {
  const [first] = values;
  if (typeof first === "string" && values.every((value) => typeof value === "string")) return "string";
  if (typeof first === "boolean") return "bool";
  if (typeof first === "number") return values.every(Number.isInteger) ? "int" : "float";
  return Array.isArray(first) || ArrayBuffer.isView(first) ? "list" : "null";
}

function rangeOf(values: readonly number[]): ColumnFacts["range"] {
  let [min, max, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
  }
  return values.length === 0 ? null : { min, mean: sum / values.length, max };
}

function sharesOf(values: readonly (number | boolean)[]): Record<string, number> {
  const counts = new Map<number | boolean, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const sorted = [...counts].sort(([a], [b]) => Number(a) - Number(b));
  return Object.fromEntries(sorted.map(([value, count]) => [String(value), count / values.length]));
}
