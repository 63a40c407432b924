import { serialize } from "node:v8";
import { EngineError } from "../errors.ts";
import {
  BytesColumn,
  type Column,
  ListColumn,
  type Nulls,
  type NumberArray,
  NumberColumn,
  nullColumn,
} from "./column.ts";
import type { NumberType } from "./feature-type.ts";

/** Values of one column, and what messages call the column and its first row. */
export interface ColumnValues {
  readonly where: string;
  readonly name: string;
  readonly values: ArrayLike<unknown>;
  /** Whether byte arrays are texts in UTF-8. @default false */
  readonly texts?: boolean;
}

/** Copies values to the form that fits all of them. */
export function encodeColumn(column: ColumnValues): Column {
  const { values } = column;
  if (ArrayBuffer.isView(values)) return encodeTyped(column, values as never);
  const nulls = nullsOf(values);
  switch (kindOf(values)) {
    case "null":
      return nullColumn;
    case "string":
      return encodeTexts(values as ArrayLike<string | null>, nulls);
    case "bool":
      return new NumberColumn(
        "bool",
        Uint8Array.from(values, (value) => (value === true ? 1 : 0)),
        nulls,
      );
    case "number":
      return encodeNumbers(column, values as ArrayLike<number | bigint | null>, nulls);
    case "bytes":
      return encodeBytes(column.texts ? "string" : "bytes", values as ArrayLike<Uint8Array | null>, nulls);
    case "list":
      return encodeLists(column, values as ArrayLike<ArrayLike<number | bigint> | null>, nulls);
    default:
      return encodeBytes("json", serialized(column), nulls);
  }
}

type Kind = "null" | "string" | "bool" | "number" | "bytes" | "list" | "json";

function kindOf(values: ArrayLike<unknown>): Kind {
  let kind: Kind = "null";
  for (let i = 0; i < values.length; i++) {
    const each = kindOfValue(values[i]);
    if (each === "null" || each === kind) continue;
    if (kind !== "null" || each === "json") return "json";
    kind = each;
  }
  return kind;
}

function kindOfValue(value: unknown): Kind {
  if (typeof value === "string") return "string";
  if (typeof value === "number" || typeof value === "bigint") return "number";
  if (typeof value === "boolean") return "bool";
  if (value === null || value === undefined) return "null";
  if (value instanceof Uint8Array) return "bytes";
  if (ArrayBuffer.isView(value)) return value instanceof DataView ? "json" : "list";
  if (!Array.isArray(value)) return "json";
  for (const item of value) if (typeof item !== "number" && typeof item !== "bigint") return "json";
  return "list";
}

function nullsOf(values: ArrayLike<unknown>): Nulls {
  let nulls: Nulls = null;
  for (let i = 0; i < values.length; i++) {
    if (values[i] !== null && values[i] !== undefined) continue;
    nulls ??= new Uint8Array(values.length);
    nulls[i] = 1;
  }
  return nulls;
}

function encodeTexts(values: ArrayLike<string | null>, nulls: Nulls): Column {
  const offsets = new Uint32Array(values.length + 1);
  let total = 0;
  for (let i = 0; i < values.length; i++) {
    total += Buffer.byteLength(values[i] ?? "");
    offsets[i + 1] = total;
  }
  const bytes = Buffer.allocUnsafeSlow(total);
  for (let i = 0; i < values.length; i++) if (values[i]) bytes.write(values[i]!, offsets[i]!);
  return new BytesColumn("string", bytes, offsets, nulls);
}

function encodeBytes(
  type: "string" | "bytes" | "json",
  values: ArrayLike<Uint8Array | null | undefined>,
  nulls: Nulls,
): Column {
  const offsets = new Uint32Array(values.length + 1);
  for (let i = 0; i < values.length; i++) offsets[i + 1] = offsets[i]! + (values[i]?.length ?? 0);
  const bytes = Buffer.allocUnsafeSlow(offsets[values.length]!);
  for (let i = 0; i < values.length; i++) if (values[i]) bytes.set(values[i]!, offsets[i]!);
  return new BytesColumn(type, bytes, offsets, nulls);
}

function encodeNumbers(column: ColumnValues, values: ArrayLike<number | bigint | null>, nulls: Nulls): Column {
  const numbers = Float64Array.from(values, (value, i) => toNumber(column, value ?? 0, i));
  const type = smallest(numbers);
  return new NumberColumn(type.name, type.array(numbers), nulls);
}

function encodeLists(column: ColumnValues, values: ArrayLike<ArrayLike<number | bigint> | null>, nulls: Nulls): Column {
  const offsets = new Float64Array(values.length + 1);
  for (let i = 0; i < values.length; i++) offsets[i + 1] = offsets[i]! + (values[i]?.length ?? 0);
  const total = offsets[values.length]!;
  const kept = commonArray(values);
  const flat = kept ? new kept.Array(total) : new Float64Array(total);
  for (let i = 0; i < values.length; i++) {
    const list = values[i];
    if (!list) continue;
    if (kept) flat.set(list as NumberArray, offsets[i]);
    else for (let j = 0; j < list.length; j++) flat[offsets[i]! + j] = toNumber(column, list[j]!, i);
  }
  if (kept) return new ListColumn(kept.type, flat, offsets, nulls);
  const type = smallest(flat as Float64Array);
  return new ListColumn(type.name, type.array(flat as Float64Array), offsets, nulls);
}

const ARRAYS = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

const typeOfArray = (values: unknown): keyof typeof ARRAYS | null =>
  (Object.keys(ARRAYS) as (keyof typeof ARRAYS)[]).find((type) => values instanceof ARRAYS[type]) ?? null;

/** The typed array that all lists are, if they are one. */
function commonArray(
  lists: ArrayLike<unknown>,
): { type: NumberType; Array: new (length: number) => NumberArray } | null {
  let type: keyof typeof ARRAYS | null = null;
  for (let i = 0; i < lists.length; i++) {
    if (lists[i] === null || lists[i] === undefined) continue;
    const each = typeOfArray(lists[i]);
    if (each === null || (type !== null && each !== type)) return null;
    type = each;
  }
  return type && { type, Array: ARRAYS[type] };
}

function encodeTyped(column: ColumnValues, values: NumberArray | BigInt64Array | BigUint64Array): Column {
  const type = typeOfArray(values);
  if (type) return new NumberColumn(type, (values as NumberArray).slice(), null);
  return encodeNumbers(column, values as unknown as ArrayLike<bigint>, null);
}

/** Whole numbers of 32 bits are kept so, others as float64, which has whole numbers to 2^53. */
function smallest(values: Float64Array): { name: NumberType; array: (values: Float64Array) => NumberArray } {
  let [whole, short] = [true, true];
  for (let i = 0; i < values.length && whole; i++) {
    const value = values[i]!;
    if (value === (value | 0) && !Object.is(value, -0)) continue;
    short = false;
    whole = Number.isSafeInteger(value) && !Object.is(value, -0);
  }
  if (!whole) return { name: "float64", array: (all) => all };
  return short ? { name: "int32", array: (all) => Int32Array.from(all) } : { name: "int64", array: (all) => all };
}

function toNumber({ where, name }: ColumnValues, value: number | bigint, row: number): number {
  if (typeof value === "number") return value;
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new EngineError(
    where,
    `column ${JSON.stringify(name)} has ${value} (row ${row + 1} of its part), which no number of JavaScript holds`,
    "Leave the column out with `columns`, or store it as text.",
  );
}

function serialized(column: ColumnValues): (Uint8Array | null)[] {
  const { where, name, values } = column;
  return Array.from(values, (value, row) => {
    try {
      return value === null || value === undefined ? null : serialize(withoutBigInts(column, value, row));
    } catch (error) {
      if (error instanceof EngineError) throw error;
      throw new EngineError(
        where,
        `column ${JSON.stringify(name)} has a value that cannot be stored (row ${row + 1} of its part): ${(error as Error).message}`,
        "Store texts, numbers, booleans, lists and plain objects.",
        { cause: error },
      );
    }
  });
}

/** Numbers of 64 bits become JavaScript's wherever they are. */
function withoutBigInts(column: ColumnValues, value: unknown, row: number): unknown {
  const inner = (each: unknown) => withoutBigInts(column, each, row);
  if (typeof value === "bigint") return toNumber(column, value, row);
  if (Array.isArray(value)) return value.map(inner);
  if (value instanceof BigInt64Array || value instanceof BigUint64Array) return Array.from(value, inner);
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, inner(each)]));
}
