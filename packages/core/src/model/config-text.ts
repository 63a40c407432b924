/**
 * Keys whose numbers are real: Python's readers tell 2 from 2.0, and refuse the first where they declare a real number.
 * JavaScript does not know any more how a file had it.
 */
const REAL =
  /(theta|factor|eps|epsilon|dropout|prob|rate|range|scal\w*|multiplier|coef|cutoff|std|temperature|penalty|[a-z]_p|time)$/;

/** Configurations as Python writes them: two spaces, sorted keys, a final newline. */
export const configText = (value: object): string => `${textOf(value, "", "")}\n`;

function textOf(value: unknown, key: string, indent: string): string {
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    const items = value.map((item) => `${deeper}${textOf(item, key, deeper)}`);
    return `[\n${items.join(",\n")}\n${indent}]`;
  }
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    if (entries.length === 0) return "{}";
    const lines = entries.map(([name, inner]) => `${deeper}${JSON.stringify(name)}: ${textOf(inner, name, deeper)}`);
    return `{\n${lines.join(",\n")}\n${indent}}`;
  }
  if (Number.isInteger(value) && REAL.test(key) && Math.abs(value as number) < 1e16) return `${value}.0`;
  return JSON.stringify(value ?? null);
}
