import { EngineError } from "../errors.ts";

/** One key of a configuration file. */
export interface Field<T> {
  /** As the file spells it. */
  readonly key: string;
  /** The value where the file has none. */
  readonly fallback: T;
  /** Whether null in the file is a value; else it counts as absent. */
  readonly nullable?: boolean;
  readonly accepts: (value: unknown) => boolean;
  /** For messages: "a whole number from 1 on". */
  readonly expected: string;
}

export type Fields<T> = { readonly [K in keyof T]: Field<T[K]> };

/** A configuration as a file holds it. */
export type Json = { readonly [key: string]: unknown };

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

export const whole = (key: string, fallback: number, least = 1): Field<number> => ({
  key,
  fallback,
  accepts: (value) => isWhole(value) && value >= least,
  expected: `a whole number from ${least} on`,
});

/** A token's id, or none. */
export const tokenId = (key: string, fallback: number | null): Field<number | null> => ({
  key,
  fallback,
  nullable: true,
  accepts: (value) => isWhole(value) && value >= -1,
  expected: "a token id or null",
});

/** One token id, several, or none. */
export const tokenIds = (key: string, fallback: number | null): Field<number | readonly number[] | null> => ({
  key,
  fallback,
  nullable: true,
  accepts: (value) => isWhole(value) || (Array.isArray(value) && value.every(isWhole)),
  expected: "a token id, a list of them or null",
});

export const positive = (key: string, fallback: number): Field<number> => ({
  key,
  fallback,
  accepts: (value) => isNumber(value) && value > 0,
  expected: "a number above 0",
});

export const positiveOrNull = (key: string, fallback: number | null): Field<number | null> => ({
  ...positive(key, 0),
  fallback,
  nullable: true,
});

/** A dropout rate. */
export const rate = (key: string, fallback: number): Field<number> => ({
  key,
  fallback,
  accepts: (value) => isNumber(value) && value >= 0 && value < 1,
  expected: "a number from 0 to below 1",
});

export const rateOrNull = (key: string): Field<number | null> => ({ ...rate(key, 0), fallback: null, nullable: true });

export const flag = (key: string, fallback: boolean): Field<boolean> => ({
  key,
  fallback,
  accepts: (value) => typeof value === "boolean",
  expected: "true or false",
});

export const oneOf = <T extends string>(key: string, fallback: T, names: readonly T[]): Field<T> => ({
  key,
  fallback,
  accepts: (value) => names.includes(value as T),
  expected: `one of ${names.map((name) => `"${name}"`).join(", ")}`,
});

/** The error about one key of a configuration. */
export function configError(file: string, key: string, value: unknown, expected: string): EngineError {
  const shown = value === undefined ? "absent" : `${JSON.stringify(value)}`;
  const short = shown.length > 80 ? `${shown.slice(0, 80)}…` : shown;
  return new EngineError("config", `${key} in ${file} is ${short}`, `It has to be ${expected}.`);
}

/**
 * Reads the fields of a configuration.
 *
 * @param file for messages
 * @throws EngineError that names the file and the key, for a value that does not fit
 */
export function readFields<T extends object>(fields: Fields<T>, json: Json, file: string): T {
  const read: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields) as [string, Field<unknown>][]) {
    const value = json[field.key];
    if (value != null && !field.accepts(value)) throw configError(file, field.key, value, field.expected);
    read[name] = value === null && field.nullable ? null : (value ?? field.fallback);
  }
  return read as T;
}

/** The fields that a configuration, or a part of one, has. */
export function writeFields<T extends object>(fields: Fields<T>, config: Partial<T>): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields) as [keyof T, Field<unknown>][]) {
    if (config[name] !== undefined) json[field.key] = config[name];
  }
  return json;
}

/** The keys that no reader of this kind of configuration knows. */
export function restOf(json: Json, known: Iterable<string>): Json {
  const keys = new Set(known);
  return Object.fromEntries(Object.entries(json).filter(([key]) => !keys.has(key)));
}

/** An object of a file, or the error that names it. */
export function expectObject(value: unknown, file: string, key: string): Json {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) return value as Json;
  throw configError(file, key, value, "an object");
}
