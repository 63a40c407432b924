import { Dataset, EngineError, type Row } from "@ettin/core";
import { rowText, textColumns } from "./data-options.ts";

const WHERE = "ettin train dense";

/**
 * Puts a corpus's texts in place of ids: a column "positive_id" becomes "positive", with the text that has this id.
 *
 * @returns of rows new ones; of the columns named only, where some are
 */
export async function resolvedIds(
  corpus: Dataset,
  path: string,
): Promise<(rows: Dataset, only?: readonly string[]) => Dataset> {
  const id = ["id", "_id"].find((name) => corpus.columnNames.includes(name));
  if (id === undefined) throw new EngineError(WHERE, `${path} has no column id`, "Give its rows ids, or rename one.");
  const columns = textColumns("train dense", corpus, undefined);
  const texts = new Map<unknown, string>();
  for (const row of corpus) texts.set(row[id], rowText("train dense", row, columns));

  return (rows, only) => {
    const names = only ?? rows.columnNames;
    const resolved = function* (): Generator<Row> {
      for (let i = 0; i < rows.length; i++) {
        const row = rows.at(i);
        yield Object.fromEntries(names.map((name) => (name.endsWith("_id") ? found(row, name, i) : [name, row[name]])));
      }
    };
    const found = (row: Row, name: string, i: number): [string, string] => {
      const text = texts.get(row[name]);
      if (text !== undefined) return [name.replace(/_id$/, ""), text];
      throw new EngineError(
        WHERE,
        `${name} is ${JSON.stringify(row[name])} in ${rows.place(i)}, which ${path} has not`,
        "Check the ids, or leave such rows out.",
      );
    };
    return Dataset.fromRows(resolved());
  };
}
