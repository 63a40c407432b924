import { EngineError } from "@ettin/core";

/** The ids of a row, as its dataset stores them. @throws EngineError for what are no ids */
export function tokensOf(value: unknown, folder: string, row: number): Uint32Array {
  if (value instanceof Uint32Array) return value;
  const numbers = ArrayBuffer.isView(value) ? (value as unknown as ArrayLike<number>) : null;
  const ids = numbers && Uint32Array.from(numbers);
  if (ids?.every((id, i) => id === numbers![i])) return ids;
  throw new EngineError(
    "prepare",
    `${folder}, row ${row}: input_ids are no token ids`,
    "Store whole numbers from 0 on, of one dimension.",
  );
}
