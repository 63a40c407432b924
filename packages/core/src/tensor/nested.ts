import { EngineError } from "../errors.ts";

/** Numbers in arrays of arrays, all of one shape. */
export type NestedNumbers = number | readonly NestedNumbers[];

/** The numbers in order, and their shape. */
export function flatten(values: NestedNumbers): { data: number[]; shape: number[] } {
  const shape: number[] = [];
  for (let level: NestedNumbers | undefined = values; Array.isArray(level); level = level[0]) shape.push(level.length);
  const data: number[] = [];
  const walk = (value: NestedNumbers, depth: number): void => {
    if (typeof value === "number") {
      if (depth === shape.length) return void data.push(value);
    } else if (depth < shape.length && value.length === shape[depth]) {
      for (const item of value) walk(item, depth + 1);
      return;
    }
    const found = typeof value === "number" ? "a number" : `${value.length} values`;
    throw new EngineError(
      "Tensor.from",
      `the arrays are ragged: ${found} at depth ${depth}, where the first has shape [${shape.slice(depth).join(", ")}]`,
      "Give every row the same length, or pack rows of several lengths with offsets.",
    );
  };
  walk(values, 0);
  return { data, shape };
}
