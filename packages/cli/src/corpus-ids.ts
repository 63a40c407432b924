import { Dataset, EngineError, type Row } from "@ettin/core";
import { rowText, textColumns } from "./data-options.ts";

export const isIdColumn = (name: string): boolean => name.endsWith("_id");

/** The name of a column of ids once it has texts. */
export const withoutId = (name: string): string => name.replace(/_id$/, "");

/**
 * Puts a corpus's texts in place of ids: a column "positive_id" becomes "positive", with the text that has this id.
 *
 * @param textColumn the corpus's texts; several as "title,text"
 * @returns of rows new ones; of the columns named only, where some are
 */
export function resolvedIds(
  command: string,
  corpus: Dataset,
  path: string,
  textColumn: string | undefined,
): (rows: Dataset, only?: readonly string[]) => Dataset {
  const where = `ettin ${command}`;
  const id = ["id", "_id"].find((name) => corpus.columnNames.includes(name));
  if (id === undefined) throw new EngineError(where, `${path} has no column id`, "Give its rows ids, or rename one.");
  const columns = textColumns(command, corpus, textColumn);
  const texts = new Map<unknown, string>();
  for (const row of corpus) texts.set(row[id], rowText(command, row, columns));

  return (rows, only) => {
    const names = only ?? rows.columnNames;
    const resolved = function* (): Generator<Row> {
      for (let i = 0; i < rows.length; i++) {
        const row = rows.at(i);
        yield Object.fromEntries(names.map((name) => (isIdColumn(name) ? found(row, name, i) : [name, row[name]])));
      }
    };
    const found = (row: Row, name: string, i: number): [string, string] => {
      const text = texts.get(row[name]);
      if (text !== undefined) return [withoutId(name), text];
      throw new EngineError(
        where,
        `${name} is ${JSON.stringify(row[name])} in ${rows.place(i)}, which ${path} has not`,
        "Check the ids, or leave such rows out.",
      );
    };
    return Dataset.fromRows(resolved());
  };
}
