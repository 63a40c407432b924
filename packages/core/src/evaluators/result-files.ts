import { access, appendFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A value in a line of CSV: quoted where it has to be. */
const cell = (value: string | number): string => {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const line = (values: readonly (string | number)[]): string => `${values.map(cell).join(",")}\n`;

/** Adds a line to a CSV file, which is made, with its headers, where it is not there. */
export async function appendCsv(
  folder: string,
  file: string,
  headers: readonly string[],
  values: readonly (string | number)[],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, file);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) await appendFile(path, line(values));
  else await writeFile(path, line(headers) + line(values));
}

/** A metric's key with the name of the data before it; without a name as it is. */
export const prefixedKey = (name: string, key: string): string => (name === "" ? key : `${name}_${key}`);

/** Keys with `prefixedKey`. */
export const prefixedKeys = (name: string, keys: readonly string[]): string[] =>
  keys.map((key) => prefixedKey(name, key));

/** Metrics with `prefixedKey`. */
export function prefixed(name: string, metrics: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).map(([key, value]) => [prefixedKey(name, key), value]));
}
