import { basename } from "node:path";
import { ColumnTableBuilder } from "../data/column-table.ts";
import { Dataset } from "../data/dataset.ts";
import type { Row, Table } from "../data/table.ts";
import { EngineError } from "../errors.ts";
import type { BadRows } from "./bad-rows.ts";
import { byteStream } from "./byte-stream.ts";
import { jsonArray, jsonLines } from "./json-lines.ts";
import { readRecords } from "./read-records.ts";

/** A text that is parsed at once stays below V8's longest string. */
const LARGEST_DOCUMENT = 1 << 28;

/**
 * A .json file: an array of objects; objects on lines; or, parsed at once, an object whose fields are columns or one
 * row.
 *
 * @param field names the part of a document that has the rows: "data", or "a.b" inside of a
 */
export async function readJsonFile(
  where: string,
  file: string,
  field: string | undefined,
  bad: BadRows,
  signal?: AbortSignal,
): Promise<Table> {
  if (field !== undefined) return readDocument(where, file, field, signal);
  const start = await firstLine(where, file, signal);
  if (start.startsWith("[")) return readRecords(where, file, jsonArray(), bad, signal);
  return isWhole(start)
    ? readRecords(where, file, jsonLines(), bad, signal)
    : readDocument(where, file, undefined, signal);
}

/** As far as it is in the file's first bytes. */
async function firstLine(where: string, file: string, signal?: AbortSignal): Promise<string> {
  let text = "";
  for await (const chunk of byteStream(where, file, signal)) {
    text = (text + chunk.toString("utf8")).replace(/^\ufeff?\s+/, "");
    if (text.includes("\n") || text.length > 1 << 24) break;
  }
  return text
    .replace(/^\ufeff/, "")
    .split("\n", 1)[0]!
    .trim();
}

function isWhole(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // a line that is cut off or wrong is told as one, unless it is only the beginning of an object
    return text !== "{" && !/^\{\s*"[^"]*"\s*:?\s*[[{]?$/.test(text) && !text.endsWith(",");
  }
}

async function readDocument(
  where: string,
  file: string,
  field: string | undefined,
  signal?: AbortSignal,
): Promise<Table> {
  const name = basename(file);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of byteStream(where, file, signal)) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > LARGEST_DOCUMENT) {
      throw new EngineError(
        where,
        `${name} is one object of more than ${LARGEST_DOCUMENT} bytes`,
        "Write it as JSON lines.",
      );
    }
  }
  let value: unknown;
  try {
    value = JSON.parse(
      Buffer.concat(chunks)
        .toString("utf8")
        .replace(/^\ufeff/, ""),
    );
  } catch (error) {
    throw new EngineError(where, `${name} is not JSON: ${(error as Error).message}`, "Mend the file.", {
      cause: error,
    });
  }
  for (const key of field?.split(".") ?? []) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) {
      const keys =
        typeof value === "object" && value !== null ? Object.keys(value).slice(0, 20).join(", ") : typeof value;
      throw new EngineError(where, `${name} has no field ${JSON.stringify(field)}`, `There is: ${keys}.`);
    }
    value = (value as Record<string, unknown>)[key];
  }
  return tableOf(where, name, value);
}

function tableOf(where: string, name: string, value: unknown): Table {
  const isObject = (each: unknown): each is Row => typeof each === "object" && each !== null && !Array.isArray(each);
  if (Array.isArray(value)) {
    const wrong = value.findIndex((row) => !isObject(row));
    if (wrong < 0) return Dataset.fromRows(value as Row[]).table;
    throw new EngineError(where, `${name}: item ${wrong + 1} is not an object`, "Give every row its columns.");
  }
  if (!isObject(value)) throw new EngineError(where, `${name} is ${typeof value}, not rows`, "Name the rows' `field`.");
  const columns = Object.values(value);
  const length = Array.isArray(columns[0]) ? columns[0].length : -1;
  if (length < 0 || columns.some((column) => !Array.isArray(column) || column.length !== length)) {
    return Dataset.fromRows([value]).table;
  }
  const builder = new ColumnTableBuilder(where);
  builder.add(value as Record<string, unknown[]>, length);
  return builder.finish(name);
}
