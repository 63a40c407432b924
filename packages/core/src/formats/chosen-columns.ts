import { EngineError } from "../errors.ts";

/**
 * The columns of a file that are to be read, in its own order.
 *
 * @param columns asked for. @default all
 * @throws EngineError naming one that the file lacks
 */
export function chosenColumns(
  where: string,
  file: string,
  names: readonly string[],
  columns: readonly string[] | undefined,
): readonly string[] {
  const missing = columns?.find((column) => !names.includes(column));
  if (missing !== undefined) {
    throw new EngineError(where, `${file} has no column ${JSON.stringify(missing)}`, `It has ${names.join(", ")}.`);
  }
  return columns ? names.filter((column) => columns.includes(column)) : names;
}
