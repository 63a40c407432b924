import { DTYPES, type DType, isFloat } from "./tensor/dtype.ts";
import type { Tensor } from "./tensor/tensor.ts";

/** Where it happened, what is wrong with the numbers in it, and the way out. */
export class EngineError extends Error {
  override readonly name: string = "EngineError";

  /** The function that the caller wrote. */
  readonly where: string;
  /** What is wrong, with the numbers. */
  readonly what: string;
  /** What to do about it. */
  readonly wayOut: string;

  constructor(where: string, what: string, wayOut: string, options?: ErrorOptions) {
    super(`[${where}] ${what}. ${wayOut}`, options);
    this.where = where;
    this.what = what;
    this.wayOut = wayOut;
  }
}

type Sizes<Names extends readonly (string | number)[]> = { -readonly [K in keyof Names]: number };

export const shapeText = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/**
 * Checks the number of dimensions, and the sizes that are given as numbers.
 *
 * @param sizes one entry per dimension: a name, or the size that it must have
 * @returns the sizes, to be destructured under their names
 */
export function expectShape<const Names extends readonly (string | number)[]>(
  op: string,
  argument: string,
  x: Tensor,
  sizes: Names,
): Sizes<Names> {
  const fits =
    x.shape.length === sizes.length && sizes.every((size, d) => typeof size === "string" || x.shape[d] === size);
  if (!fits) {
    throw new EngineError(
      op,
      `${argument} has shape ${shapeText(x.shape)}, but ${shapeText(sizes as never)} is needed`,
      `Pass ${argument} with ${sizes.length} dimension${sizes.length === 1 ? "" : "s"}, in this order.`,
    );
  }
  return [...x.shape] as Sizes<Names>;
}

/** Checks that two arguments have one shape. */
export function expectSameShape(op: string, nameA: string, a: Tensor, nameB: string, b: Tensor): void {
  if (a.shape.length !== b.shape.length || a.shape.some((size, d) => size !== b.shape[d])) {
    throw new EngineError(
      op,
      `${nameA} has shape ${shapeText(a.shape)}, but ${nameB} has ${shapeText(b.shape)}`,
      "Pass two tensors of one shape.",
    );
  }
}

/** Checks that there are tensors of a dtype: what kernels compute in. */
export function expectTensorDtype(where: string, dtype: DType): void {
  if (DTYPES.includes(dtype)) return;
  const names = DTYPES.map((name) => `"${name}"`).join(", ");
  throw new EngineError(where, `dtype is ${JSON.stringify(dtype)}, but tensors are of ${names}`, "Use one of those.");
}

/** Checks the dtype against those that an argument may have. */
export function expectDtype(op: string, argument: string, x: Tensor, ...allowed: readonly DType[]): void {
  if (!allowed.includes(x.dtype)) {
    throw new EngineError(
      op,
      `${argument} ${shapeText(x.shape)} is ${x.dtype}, but ${allowed.join(" or ")} is needed`,
      `Cast it: ${argument}.to("${allowed[0]}").`,
    );
  }
}

/** Checks for float32 or bfloat16. */
export function expectFloat(op: string, argument: string, x: Tensor): void {
  if (!isFloat(x.dtype)) expectDtype(op, argument, x, "float32", "bfloat16");
}

/** Checks that two arguments have one dtype. */
export function expectSameDtype(op: string, nameA: string, a: Tensor, nameB: string, b: Tensor): void {
  if (a.dtype !== b.dtype) {
    throw new EngineError(
      op,
      `${nameA} ${shapeText(a.shape)} is ${a.dtype}, but ${nameB} ${shapeText(b.shape)} is ${b.dtype}`,
      `Cast one: ${nameB}.to("${a.dtype}").`,
    );
  }
}

/** Checks that all arguments (absent ones aside) lie on one device. */
export function expectSameDevice(op: string, tensors: Readonly<Record<string, Tensor | null | undefined>>): void {
  let first = "";
  for (const name in tensors) {
    const x = tensors[name];
    if (!x) continue;
    const other = first ? tensors[first]! : x;
    if (!first) first = name;
    if (x.device === other.device) continue;
    throw new EngineError(
      op,
      `${first} ${shapeText(other.shape)} is on ${other.device.name}, but ${name} ${shapeText(x.shape)} is on ${x.device.name}`,
      `Make both on one device, or copy one there with Tensor.from(await ${name}.data(), …).`,
    );
  }
}

/**
 * Checks the offsets of a packed batch. Their values are checked too where they are known without waiting: offsets made
 * by `Tensor.from`.
 *
 * @returns the number of sequences
 */
export function expectOffsets(op: string, argument: string, offsets: Tensor, tokens: number, rowsOf = "x"): number {
  expectDtype(op, argument, offsets, "int32");
  const [entries] = expectShape(op, argument, offsets, ["sequences + 1"]);
  if (entries === 0) {
    throw new EngineError(op, `${argument} is empty`, "Offsets of no sequence are [0]; of B sequences, B + 1 numbers.");
  }
  const values = offsets.hostValues();
  if (values) {
    if (values[0] !== 0) throw new EngineError(op, `${argument} start at ${values[0]}`, "The first offset is 0.");
    for (let b = 1; b < entries; b++) {
      if (values[b]! < values[b - 1]!) {
        throw new EngineError(
          op,
          `${argument} fall from ${values[b - 1]} to ${values[b]} at place ${b}`,
          "Offsets never fall: each is where its sequence starts.",
        );
      }
    }
    if (values[entries - 1] !== tokens) {
      throw new EngineError(
        op,
        `${argument} end at ${values[entries - 1]}, but ${rowsOf} has ${tokens} tokens`,
        `Use the offsets of the batch that made ${rowsOf}.`,
      );
    }
  }
  return entries - 1;
}
