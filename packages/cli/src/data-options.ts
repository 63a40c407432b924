import { stat } from "node:fs/promises";
import {
  type Dataset,
  EngineError,
  type LoadDatasetOptions,
  loadDataset,
  loadDatasetDict,
  type Row,
  requireColumns,
  textOf,
} from "@ettin/core";
import { given, textOption } from "./arguments.ts";
import { type OptionSpecs, type OptionValues, UsageError } from "./command.ts";

/** Options of commands that read rows. */
export const DATA_OPTIONS: OptionSpecs = {
  name: { type: "string", value: "part", help: "a part of a data set that has several, such as triplet" },
  split: { type: "string", value: "split", help: 'rows of a split, or some of them: "train[:1000]"' },
  "skip-bad": { type: "boolean", help: "leave out rows that do not parse, and say how many" },
};

/** Names of the options above, for commands that read rows at times only. */
export const DATA_NAMES: readonly string[] = Object.keys(DATA_OPTIONS);

/** What is chosen of a path, and what becomes of rows that do not parse. */
async function choice(path: string, options: OptionValues): Promise<Pick<LoadDatasetOptions, "name" | "onBadRow">> {
  const name = textOption(options, "name");
  if (name !== undefined && (await stat(path).catch(() => null))?.isFile()) {
    throw new UsageError(`--name is ${JSON.stringify(name)}, but ${path} is a file, which has no parts`);
  }
  return { ...given({ name }), ...(options["skip-bad"] === true && { onBadRow: "skip" }) };
}

/** No command can do anything with a data set that has no rows. */
function someRows(path: string, rows: Dataset, split?: string): Dataset {
  if (rows.length > 0) return rows;
  const what = split === undefined ? "has no rows" : `has no rows in the split ${JSON.stringify(split)}`;
  throw new EngineError("data", `${path} ${what}`, "Check the path, and that the file was written to its end.");
}

/** Opens what a path names: a file, a folder, a data set of the hub. */
export async function openRows(path: string, options: OptionValues, signal: AbortSignal): Promise<Dataset> {
  const split = textOption(options, "split");
  const rows = await loadDataset(path, { signal, ...(await choice(path, options)), ...given({ split }) });
  return someRows(path, rows, split);
}

/** The rows of a path: of the first of some splits that there is, where it has several. */
export async function rowsOf(
  path: string,
  splits: readonly string[],
  signal: AbortSignal,
  options: OptionValues = {},
): Promise<Dataset> {
  const found = await loadDatasetDict(path, { signal, ...(await choice(path, options)) });
  const [only, ...others] = Object.values(found);
  const split = splits.find((name) => Object.hasOwn(found, name));
  if (split === undefined && others.length === 0) return someRows(path, only!);
  if (split) return someRows(path, found[split]!);
  throw new UsageError(`${path} has the splits ${Object.keys(found).join(", ")}, but ${splits.join(" or ")} is needed`);
}

/** Names of columns: what was asked for, as "a,b", or one of those that are usual, or the only one with texts. */
export function textColumns(command: string, rows: Dataset, asked: string | undefined): readonly string[] {
  if (asked !== undefined) {
    const names = asked.split(",").map((name) => name.trim());
    requireColumns(`ettin ${command}`, rows, names);
    return names;
  }
  const usual = ["text", "passage", "document", "sentence", "content"].find((name) => rows.columnNames.includes(name));
  if (usual !== undefined) return [usual];
  const strings = rows.columnNames.filter((name) => rows.features[name] === "string");
  if (strings.length === 1) return strings;
  throw new UsageError(`the columns are ${rows.columnNames.join(", ")}. Say which has the texts: --text-column <name>`);
}

/** A row's text: of several columns, one after the other with a space between. */
export const rowText = (command: string, row: Row, names: readonly string[]): string =>
  names.map((name) => textOf(`ettin ${command}`, row, name)).join(" ");
