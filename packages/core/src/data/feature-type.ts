/** How the numbers of a column are kept. "int64" holds whole numbers up to ±(2^53 − 1), as JavaScript does. */
export type NumberType = "int8" | "uint8" | "int16" | "uint16" | "int32" | "uint32" | "int64" | "float32" | "float64";

/**
 * What a column holds, nulls aside: "string"; "bytes" (`Uint8Array`); numbers; lists of numbers; "json" for anything
 * else (lists of texts, objects, mixtures, dates); "null" where nothing else was seen.
 */
export type FeatureType = "null" | "bool" | "string" | "bytes" | NumberType | `list<${NumberType}>` | "json";

/** The columns of a table, in their order. */
export type Features = Readonly<Record<string, FeatureType>>;

/** The type of a column whose parts have these two. */
export function joinTypes(a: FeatureType, b: FeatureType): FeatureType {
  if (a === b || b === "null") return a;
  if (a === "null") return b;
  const [x, y] = [elementOf(a), elementOf(b)];
  if (x && y) return `list<${joinNumbers(x, y)}>`;
  return isNumber(a) && isNumber(b) ? joinNumbers(a, b) : "json";
}

/** The columns of both, those of the first first. */
export function joinFeatures(a: Features, b: Features): Features {
  const joined: Record<string, FeatureType> = { ...a };
  for (const name in b) joined[name] = Object.hasOwn(joined, name) ? joinTypes(joined[name]!, b[name]!) : b[name]!;
  return joined;
}

/** The type of a value as JSON has them. */
export function typeOfValue(value: unknown): FeatureType {
  switch (typeof value) {
    case "string":
      return "string";
    case "number":
      return Number.isInteger(value) ? "int64" : "float64";
    case "boolean":
      return "bool";
    default:
  }
  if (value === null || value === undefined) return "null";
  if (!Array.isArray(value)) return "json";
  let whole = true;
  for (const item of value) {
    if (typeof item !== "number") return "json";
    if (whole && !Number.isInteger(item)) whole = false;
  }
  return whole ? "list<int64>" : "list<float64>";
}

/** The type of the numbers in a list, null for other types. */
export const elementOf = (type: FeatureType): NumberType | null =>
  type.startsWith("list<") ? (type.slice(5, -1) as NumberType) : null;

export const isNumber = (type: FeatureType): type is NumberType => /^u?int|^float/.test(type);

const joinNumbers = (a: NumberType, b: NumberType): NumberType =>
  a === b ? a : a.startsWith("float") || b.startsWith("float") ? "float64" : "int64";
