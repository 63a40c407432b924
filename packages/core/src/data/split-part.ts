import { EngineError } from "../errors.ts";

/** A split, and which of its rows: from one on, up to another, not that one. */
export interface SplitPart {
  readonly split: string;
  readonly rows: (length: number) => readonly [start: number, end: number];
}

/** "train", "train[:100]", "train[-10%:]", several with "+" between them. */
export function parseSplit(where: string, text: string): readonly SplitPart[] {
  return text.split("+").map((part) => {
    const found = /^\s*([\w.-]+)\s*(?:\[\s*(-?\d*)(%?)\s*:\s*(-?\d*)(%?)\s*\])?\s*$/.exec(part);
    const [, split, from = "", fromUnit = "", to = "", toUnit = ""] = found ?? [];
    if (split === undefined || from === "-" || to === "-" || (from === "" && fromUnit) || (to === "" && toUnit)) {
      throw new EngineError(
        where,
        `split is ${JSON.stringify(text)}`,
        'Write "train", "train[:1000]", "train[10%:20%]" or "train+test".',
      );
    }
    return { split, rows: (length) => [edge(from, fromUnit, 0, length), edge(to, toUnit, length, length)] as const };
  });
}

/** A share of the rows is rounded to the nearest, of two equally near to the even one; numbers below 0 count from the end. */
function edge(text: string, unit: string, otherwise: number, length: number): number {
  if (text === "") return otherwise;
  const place = unit === "%" ? toEven((Number(text) * length) / 100) : Number(text);
  return Math.min(Math.max(place < 0 ? length + place : place, 0), length);
}

function toEven(x: number): number {
  const below = Math.floor(x);
  return x - below === 0.5 ? below + (below % 2 === 0 ? 0 : 1) : Math.round(x);
}
