/** Texts of a source, a batch at a time. */
import { basename } from "node:path";
import { EngineError, nearestName, openMds } from "@ettin/core";
import { readLines } from "./text-lines.ts";

export interface DocumentOptions {
  /** The column that holds the text. @default "text" */
  textColumn?: string;
  /** The column that names the document; without a value in it the name is made of the source and the row. @default "id" */
  idColumn?: string;
  /** The column to keep as `domain`. @default none */
  domainColumn?: string;
  /** What a line that is not JSON or has no text does. @default "error", which names file and line */
  onBadRow?: "error" | "skip";
  /** What a text without anything but white space does. @default "error", which names file and line */
  onEmptyText?: "error" | "skip";
}

export interface DocumentBatch {
  readonly texts: string[];
  readonly ids: string[];
  readonly domains: string[] | null;
  /** Rows of the source up to here, those that were skipped included. */
  rows: number;
  /** Rows among them that were skipped, counted since the last batch. */
  bad: number;
  empty: number;
}

const BATCH = 5000;

/** Longer texts come in smaller batches: this many UTF-16 units. */
const BATCH_LENGTH = 2 ** 24;

/**
 * Reads `.jsonl` and `.json` (one object a line), `.txt` (one document a file), each also as `.gz` and `.zst`, and
 * folders of MDS shards.
 *
 * @param skip rows to leave out at the start
 */
export async function* readDocuments(path: string, options: DocumentOptions, skip = 0): AsyncGenerator<DocumentBatch> {
  const batch = new BatchBuilder(path, options);
  for await (const row of readRows(path)) {
    if (row.number <= skip) continue;
    if (batch.add(row)) yield batch.take();
  }
  if (!batch.isEmpty) yield batch.take();
}

interface SourceRow {
  /** From 1: the line of a file. */
  readonly number: number;
  /** A JSON text that is still to be parsed, or the row itself. */
  readonly content: string | Readonly<Record<string, unknown>>;
}

async function* readRows(path: string): AsyncGenerator<SourceRow> {
  const kind = /\.(jsonl|json|txt)(\.gz|\.zst)?$/i.exec(path)?.[1]?.toLowerCase();
  if (kind === "txt") {
    const parts: string[] = [];
    for await (const { lines } of readLines(path)) parts.push(...lines);
    yield { number: 1, content: { text: parts.join("\n") } };
  } else if (kind) {
    for await (const { lines, first } of readLines(path)) {
      for (let i = 0; i < lines.length; i++) yield { number: first + i, content: lines[i]! };
    }
  } else {
    const reader = await openMds(path);
    try {
      for (let i = 0; i < reader.length; i++) yield { number: i + 1, content: reader.row(i) };
    } finally {
      reader.close();
    }
  }
}

class BatchBuilder {
  readonly #path: string;
  readonly #stem: string;
  readonly #text: string;
  readonly #id: string;
  readonly #domain: string | null;
  readonly #skipBad: boolean;
  readonly #skipEmpty: boolean;
  #batch: DocumentBatch;
  #length = 0;

  constructor(path: string, options: DocumentOptions) {
    this.#path = path;
    this.#stem = sourceName(path);
    this.#text = options.textColumn ?? "text";
    this.#id = options.idColumn ?? "id";
    this.#domain = options.domainColumn ?? null;
    this.#skipBad = options.onBadRow === "skip";
    this.#skipEmpty = options.onEmptyText === "skip";
    this.#batch = this.#fresh(0);
  }

  get isEmpty(): boolean {
    const { texts, bad, empty } = this.#batch;
    return texts.length + bad + empty === 0;
  }

  /** @returns whether the batch is full */
  add({ number, content }: SourceRow): boolean {
    this.#batch.rows = number;
    if (typeof content === "string" && content.trim() === "") return false; // a line without anything is no row
    const row = this.#read(number, content);
    if (row === null) this.#batch.bad++;
    else this.#keep(number, row);
    return this.#batch.texts.length >= BATCH || this.#length >= BATCH_LENGTH;
  }

  take(): DocumentBatch {
    const full = this.#batch;
    this.#batch = this.#fresh(full.rows);
    this.#length = 0;
    return full;
  }

  #fresh(rows: number): DocumentBatch {
    return { texts: [], ids: [], domains: this.#domain === null ? null : [], rows, bad: 0, empty: 0 };
  }

  #keep(number: number, row: Readonly<Record<string, unknown>>): void {
    const text = row[this.#text];
    if (typeof text !== "string") {
      if (!this.#bad(number, this.#missing(row))) return;
    } else if (text.trim() === "") {
      if (!this.#skipEmpty)
        throw this.#error(number, "the text is empty", 'Remove the row, or set onEmptyText: "skip".');
      this.#batch.empty++;
    } else {
      const id = row[this.#id];
      const hasId = typeof id === "string" || typeof id === "number" || typeof id === "bigint";
      this.#batch.texts.push(text);
      this.#batch.ids.push(hasId ? String(id) : `${this.#stem}-${number}`);
      if (this.#domain !== null) this.#batch.domains!.push(String(row[this.#domain] ?? ""));
      this.#length += text.length;
    }
  }

  #read(number: number, content: SourceRow["content"]): Readonly<Record<string, unknown>> | null {
    if (typeof content !== "string") return content;
    let value: unknown;
    try {
      value = JSON.parse(content);
    } catch (error) {
      if (this.#skipBad) return null;
      const way = 'Repair the line, or set onBadRow: "skip".';
      throw this.#error(number, `the line is not JSON: ${(error as Error).message}`, way);
    }
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    if (this.#skipBad) return null;
    throw this.#error(number, "the line is no JSON object", 'Write { "text": … } on each line.');
  }

  #missing(row: Readonly<Record<string, unknown>>): string {
    const names = Object.keys(row);
    if (this.#text in row) return `column ${JSON.stringify(this.#text)} holds ${kindOf(row[this.#text])}, not a text`;
    const hint = names.length > 0 ? `; the nearest is ${JSON.stringify(nearestName(this.#text, names))}` : "";
    return `there is no column ${JSON.stringify(this.#text)} among ${names.join(", ") || "none"}${hint}`;
  }

  #bad(number: number, what: string): boolean {
    if (!this.#skipBad) throw this.#error(number, what, "Name the text's column with textColumn.");
    this.#batch.bad++;
    return false;
  }

  #error(number: number, what: string, wayOut: string): EngineError {
    return new EngineError("tokenize", `${this.#path}, line ${number}: ${what}`, wayOut);
  }
}

const kindOf = (value: unknown): string =>
  value === null ? "null" : typeof value === "object" ? "an object" : `a ${typeof value}`;

/** "brown" of "data/brown.jsonl.gz". */
export const sourceName = (path: string): string => basename(path).replace(/\.(jsonl|json|txt)(\.gz|\.zst)?$/i, "");
