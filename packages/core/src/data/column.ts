import type { Hash } from "node:crypto";
import { deserialize } from "node:v8";
import type { FeatureType, NumberType } from "./feature-type.ts";

/** The values of one column for a run of rows, kept off the JavaScript heap. */
export interface Column {
  readonly type: FeatureType;
  at(row: number): unknown;
  /** Adds type and contents. */
  addTo(hash: Hash): void;
}

/** A typed array of numbers that JavaScript has without `bigint`. */
export type NumberArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

/** For rows without a value: 1. */
export type Nulls = Uint8Array | null;

export const nullColumn: Column = {
  type: "null",
  at: () => null,
  addTo: (hash) => void hash.update("null\0"),
};

/** Values of varying length: texts, bytes, or whatever `decode` makes of the bytes from `start` to `end`. */
export class BytesColumn implements Column {
  readonly type: FeatureType;
  readonly #bytes: Buffer;
  /** `[rows + 1]` */
  readonly #offsets: Uint32Array;
  readonly #nulls: Nulls;
  readonly #decode: (bytes: Buffer, start: number, end: number) => unknown;

  constructor(type: "string" | "bytes" | "json", bytes: Buffer, offsets: Uint32Array, nulls: Nulls) {
    this.type = type;
    this.#bytes = bytes;
    this.#offsets = offsets;
    this.#nulls = nulls;
    this.#decode = DECODE[type];
  }

  at(row: number): unknown {
    if (this.#nulls?.[row]) return null;
    return this.#decode(this.#bytes, this.#offsets[row]!, this.#offsets[row + 1]!);
  }

  addTo(hash: Hash): void {
    hash.update(`${this.type}\0`).update(this.#offsets).update(this.#bytes);
    if (this.#nulls) hash.update(this.#nulls);
  }
}

const DECODE = {
  string: (bytes: Buffer, start: number, end: number) => bytes.toString("utf8", start, end),
  bytes: (bytes: Buffer, start: number, end: number) =>
    new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start),
  json: (bytes: Buffer, start: number, end: number) => deserialize(bytes.subarray(start, end)) as unknown,
};

export class NumberColumn implements Column {
  readonly type: FeatureType;
  readonly #values: NumberArray;
  readonly #nulls: Nulls;

  /** @param type "bool" for 0 and 1 in a `Uint8Array` */
  constructor(type: NumberType | "bool", values: NumberArray, nulls: Nulls) {
    this.type = type;
    this.#values = values;
    this.#nulls = nulls;
  }

  at(row: number): unknown {
    if (this.#nulls?.[row]) return null;
    return this.type === "bool" ? this.#values[row] === 1 : this.#values[row];
  }

  addTo(hash: Hash): void {
    hash.update(`${this.type}\0`).update(this.#values);
    if (this.#nulls) hash.update(this.#nulls);
  }
}

/** Lists of numbers, each a view into one array. */
export class ListColumn implements Column {
  readonly type: FeatureType;
  readonly #values: NumberArray;
  /** `[rows + 1]` */
  readonly #offsets: Float64Array;
  readonly #nulls: Nulls;

  constructor(type: NumberType, values: NumberArray, offsets: Float64Array, nulls: Nulls) {
    this.type = `list<${type}>`;
    this.#values = values;
    this.#offsets = offsets;
    this.#nulls = nulls;
  }

  at(row: number): unknown {
    if (this.#nulls?.[row]) return null;
    return this.#values.subarray(this.#offsets[row], this.#offsets[row + 1]);
  }

  addTo(hash: Hash): void {
    hash.update(`${this.type}\0`).update(this.#offsets).update(this.#values);
    if (this.#nulls) hash.update(this.#nulls);
  }
}
