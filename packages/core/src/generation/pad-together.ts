import { EngineError } from "../errors.ts";

export interface PadOptions {
  /** Fills up what is shorter. */
  padTokenId: number | null;
  /** Where it goes: behind the ids, or before them, as models need that continue padded prompts. @default "right" */
  side?: "left" | "right";
  /** Columns. @default those of the longest row */
  width?: number;
}

/** Rows of ids as one rectangle, row after row. */
export interface PaddedIds {
  /** `[rows · width]` */
  readonly ids: Int32Array;
  /** `[rows · width]`: 1 where an id is of the row, 0 where it fills up. */
  readonly attentionMask: Int32Array;
  readonly shape: readonly [rows: number, width: number];
}

/**
 * Brings rows of ids to one length, for code that wants a rectangle; models here take packed batches.
 *
 *     const found = await generate(model, prompts);
 *     const { ids, attentionMask, shape } = padTogether(found.map((each) => each.ids), model.config);
 *
 * @throws EngineError where rows differ in length and there is no `padTokenId`, or one is longer than `width`
 */
export function padTogether(
  rows: readonly ArrayLike<number>[],
  { padTokenId, side = "right", width }: PadOptions,
): PaddedIds {
  const longest = rows.reduce((most, { length }) => Math.max(most, length), 0);
  const columns = width ?? longest;
  if (!Number.isSafeInteger(columns) || columns < longest) {
    const what = `width is ${width}, but row ${rows.findIndex(({ length }) => length === longest)} has ${longest} ids`;
    throw new EngineError("padTogether", what, "Raise width, or cut the rows.");
  }
  if (side !== "left" && side !== "right") {
    throw new EngineError("padTogether", `side is ${JSON.stringify(side)}`, 'Use "left" or "right".');
  }
  const short = rows.findIndex(({ length }) => length < columns);
  if (short >= 0 && !(Number.isSafeInteger(padTokenId) && (padTokenId as number) >= 0)) {
    const what = `row ${short} has ${rows[short]!.length} ids of ${columns}, and padTokenId is ${padTokenId}`;
    throw new EngineError("padTogether", what, "Pass a token's id, such as that of the eos.");
  }
  const ids = new Int32Array(rows.length * columns).fill(padTokenId ?? 0);
  const attentionMask = new Int32Array(ids.length);
  rows.forEach((row, i) => {
    const start = i * columns + (side === "left" ? columns - row.length : 0);
    ids.set(row, start);
    attentionMask.fill(1, start, start + row.length);
  });
  return { ids, attentionMask, shape: [rows.length, columns] };
}
