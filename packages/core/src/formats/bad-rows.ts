import { EngineError } from "../errors.ts";

/** What becomes of rows that cannot be read: an error, or they are left out and counted. */
export class BadRows {
  /** Rows left out. */
  count = 0;
  /** What was wrong with the first. */
  first = "";
  readonly #skip: boolean;

  constructor(onBadRow: "error" | "skip") {
    this.#skip = onBadRow === "skip";
  }

  /** @param what with file and line or row */
  add(where: string, what: string, cause: unknown): void {
    if (!this.#skip)
      throw new EngineError(where, what, 'Mend the file, or leave such rows out with onBadRow: "skip".', { cause });
    if (this.count++ === 0) this.first = what;
  }
}
