import { EngineError } from "../errors.ts";
import { nearestName } from "../nearest-name.ts";

/**
 * What is put before the texts in training: one text for all; by column; by dataset; or by dataset and column. A name
 * that is a dataset's goes before one that is a column's: those count in datasets without an entry of their own.
 */
export type TrainingPrompts =
  | string
  | Readonly<Record<string, string>>
  | Readonly<Record<string, string | Readonly<Record<string, string>>>>;

/** The prompt of a column, or null. */
export function promptOf(
  where: string,
  prompts: TrainingPrompts | null | undefined,
  datasetName: string | null,
  column: string,
): string | null {
  if (prompts === null || prompts === undefined) return null;
  if (typeof prompts === "string") return prompts;
  const named = datasetName !== null && Object.hasOwn(prompts, datasetName) ? prompts[datasetName] : undefined;
  const nested = Object.values(prompts).some((value) => typeof value === "object");
  if (nested && datasetName === null) {
    throw new EngineError(
      where,
      `prompts has objects under ${Object.keys(prompts).join(", ")}, but there is one dataset, without a name`,
      "Give { column: prompt }, or several datasets by name.",
    );
  }
  const columns = named ?? prompts;
  if (typeof columns === "string") return columns;
  const found = Object.hasOwn(columns, column) ? columns[column] : null;
  return typeof found === "string" ? found : null;
}

/** Whether a value has the form of prompts. */
export function arePrompts(value: unknown): value is TrainingPrompts | null {
  const isText = (x: unknown) => typeof x === "string";
  const isRecord = (x: unknown): x is object => typeof x === "object" && x !== null && !Array.isArray(x);
  if (value === null || isText(value)) return true;
  return (
    isRecord(value) && Object.values(value).every((x) => isText(x) || (isRecord(x) && Object.values(x).every(isText)))
  );
}

/**
 * Checks that every name in `prompts` is a dataset's or a column's.
 *
 * @param datasets columns by name of the dataset; a single dataset has the name ""
 * @throws EngineError with the nearest name
 */
export function checkPrompts(
  where: string,
  prompts: TrainingPrompts | null | undefined,
  datasets: ReadonlyMap<string, readonly string[]>,
): void {
  if (prompts === null || prompts === undefined || typeof prompts === "string") return;
  const names = [...datasets.keys()].filter((name) => name !== "");
  const columns = [...new Set([...datasets.values()].flat())];
  const refuse = (key: string, known: readonly string[]): never => {
    const near = nearestName(key, known);
    throw new EngineError(
      where,
      `prompts has ${JSON.stringify(key)}, which is neither a dataset nor a column`,
      `Names are ${known.join(", ")}; the nearest is ${near}.`,
    );
  };
  for (const [key, value] of Object.entries(prompts)) {
    if (typeof value === "string") {
      if (!names.includes(key) && !columns.includes(key)) refuse(key, [...names, ...columns]);
      continue;
    }
    if (!names.includes(key)) refuse(key, names.length > 0 ? names : columns);
    for (const column of Object.keys(value)) {
      if (!datasets.get(key)!.includes(column)) refuse(column, datasets.get(key)!);
    }
  }
}
