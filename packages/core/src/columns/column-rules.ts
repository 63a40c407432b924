import { EngineError } from "../errors.ts";

/** The first of these that a dataset has holds the labels. */
export const LABEL_COLUMNS: readonly string[] = ["label", "labels", "score", "scores"];

/** Names that a batch gives a meaning of its own. */
const RESERVED = ["dataset_name", "return_loss"];

/** Where columns of these names usually are; losses go by the order alone. */
const USUAL_ORDER: readonly (readonly string[])[] = [
  ["anchor", "positive", "negative"],
  ["question", "answer"],
  ["query", "response"],
  ["hypothesis", "entailment", "contradiction"],
];

/** What the columns of a dataset are to a loss. */
export interface ColumnRoles {
  /** All columns but the labels, in their order: the order alone says what is the anchor, what a positive. */
  readonly inputs: readonly string[];
  readonly label: string | null;
  /** What looks like a mistake and need not be one, in sentences. */
  readonly notices: readonly string[];
}

/**
 * @param where the function that the caller wrote, for errors
 * @param labelColumns @default ["label", "labels", "score", "scores"]
 * @throws EngineError where a column has a reserved name, or there is nothing but labels
 */
export function columnRoles(
  where: string,
  columnNames: readonly string[],
  labelColumns: readonly string[] = LABEL_COLUMNS,
): ColumnRoles {
  const reserved = columnNames.find((name) => RESERVED.includes(name));
  if (reserved !== undefined) {
    throw new EngineError(where, `a column is called ${reserved}, a reserved name`, "Rename it with renameColumn.");
  }
  const label = labelColumns.find((name) => columnNames.includes(name)) ?? null;
  const inputs = columnNames.filter((name) => name !== label);
  if (inputs.length === 0) {
    throw new EngineError(
      where,
      `of the columns ${columnNames.join(", ") || "(none)"} none has texts`,
      `Give one column or more beside the labels (${labelColumns.join(", ")}).`,
    );
  }
  return { inputs, label, notices: [...orderNotices(columnNames), ...idNotices(inputs)] };
}

function orderNotices(columnNames: readonly string[]): string[] {
  for (const order of USUAL_ORDER) {
    for (const [usual, name] of order.entries()) {
      const place = columnNames.indexOf(name);
      if (place < 0 || place === usual) continue;
      const some = order.filter((each) => columnNames.includes(each));
      return [
        `Column "${name}" is number ${place + 1}, where a column of this name is usually number ${usual + 1}. Losses go by ` +
          `the order of the columns and not by their names: if it is a mistake, use dataset.selectColumns(${JSON.stringify(some)}).`,
      ];
    }
  }
  return [];
}

function idNotices(inputs: readonly string[]): string[] {
  const found = inputs.filter((name) => name === "id" || /_(?:ids?|idx)$/.test(name));
  if (found.length === 0) return [];
  return [
    `${found.length > 1 ? "Columns" : "Column"} ${found.join(", ")} may hold ids, but training reads every column but the ` +
      "labels as text: leave it out with dataset.removeColumns, or put the texts in place of the ids.",
  ];
}
