import { basename } from "node:path";
import type { MdsReader } from "../formats/mds-reader.ts";
import type { Features, FeatureType } from "./feature-type.ts";
import { fingerprintAfter } from "./fingerprint.ts";
import type { Table } from "./table.ts";

/** Rows of MDS shards, which stay where they are and are read on demand. */
export class MdsTable implements Table {
  readonly length: number;
  readonly features: Features;
  readonly #reader: MdsReader;

  constructor(reader: MdsReader) {
    this.#reader = reader;
    this.length = reader.length;
    this.features = Object.fromEntries(reader.columns.map((name) => [name, typeOf(reader.encodings[name]!)]));
  }

  get fingerprint(): string {
    return fingerprintAfter(this.#reader.fingerprint, "columns", this.#reader.columns.join("\0"));
  }

  row(index: number, columns: readonly string[]): Record<string, unknown> {
    const stored = this.#reader.row(index);
    const row: Record<string, unknown> = {};
    for (const name of columns) row[name] = stored[name] ?? null;
    return row;
  }

  value(index: number, column: string): unknown {
    return this.#reader.row(index)[column] ?? null;
  }

  place(index: number): string {
    return `${basename(this.#reader.folder)}, sample ${index + 1}`;
  }
}

const TYPES: Readonly<Record<string, FeatureType>> = {
  str: "string",
  bytes: "bytes",
  int: "int64",
  uint64: "int64",
  float16: "float32",
  str_int: "int64",
  str_float: "float64",
};

function typeOf(encoding: string): FeatureType {
  const [kind, dtype, shape] = encoding.split(":");
  if (kind === "ndarray") {
    // an array that does not say its type may have another in every row; one of several dimensions is a list of lists
    const flat = dtype !== undefined && !shape?.includes(",");
    return flat ? `list<${numberType(dtype)}>` : "json";
  }
  if (Object.hasOwn(TYPES, encoding)) return TYPES[encoding]!;
  return /^u?int(?:8|16|32|64)$|^float(?:32|64)$/.test(encoding) ? numberType(encoding) : "json";
}

const numberType = (dtype: string) =>
  (dtype === "uint64" ? "int64" : dtype === "float16" ? "float32" : dtype) as "int64" | "float32";
