import { EngineError } from "../errors.ts";

/**
 * Checks that something is a source of rows.
 *
 * @param name the option that it was given as
 * @throws EngineError which says how a list of rows becomes one
 */
export function expectDataset(where: string, name: string, given: unknown): void {
  if (typeof (given as { rows?: unknown } | null | undefined)?.rows === "function") return;
  if (Array.isArray(given)) {
    throw new EngineError(
      where,
      `${name} is a list of ${given.length}`,
      "Make a dataset of it: Dataset.fromRows(rows).",
    );
  }
  const found =
    given === undefined || given === null
      ? String(given)
      : typeof given === "object"
        ? "an object"
        : `a ${typeof given}`;
  throw new EngineError(
    where,
    `${name} is ${found}`,
    "Give a Dataset: await loadDataset(path), or Dataset.fromRows(rows).",
  );
}
