/** A text as one cell of a table: no line ends, nothing that ends the cell or starts markup. */
export const cell = (text: string): string =>
  text
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[\\|`*_<>[\]]/g, "\\$&");

/** The start of a text, at most so many characters. */
export function clipped(text: string, most: number): string {
  const characters = [...text.slice(0, 2 * most)];
  return characters.length > most ? `${characters.slice(0, most).join("")}…` : characters.join("");
}

/** A table; the first column is text, the others numbers where `numbers` is on. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { numbers = false }: { numbers?: boolean } = {},
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, c) => (c > 0 && numbers ? "---:" : "---"));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

/** A number with at most four decimals. */
export const short = (value: number): string =>
  Number.isFinite(value) ? String(Number(value.toFixed(4))) : String(value);

/** A value of a configuration in code style. */
export function code(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "undefined");
  const plain = clipped(text.replace(/\s+/g, " "), 200);
  const ticks = "`".repeat(Math.max(0, ...[...plain.matchAll(/`+/g)].map(([run]) => run.length)) + 1);
  const pad = plain.startsWith("`") || plain.endsWith("`") ? " " : "";
  return `${ticks}${pad}${plain}${pad}${ticks}`;
}
