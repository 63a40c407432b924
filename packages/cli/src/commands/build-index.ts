import { stat } from "node:fs/promises";
import { join } from "node:path";
import {
  createIndex,
  type Dataset,
  EngineError,
  type Json,
  modelFingerprint,
  openIndex,
  type Row,
  requireColumns,
  type VectorIndex,
} from "@ettin/core";
import type { SentenceTransformer } from "@ettin/dense";
import { choiceOption, given, numberOption, refuseBoth, textOption } from "../arguments.ts";
import type { Command, OptionValues, Terminal } from "../command.ts";
import { DATA_OPTIONS, openRows, rowText, textColumns } from "../data-options.ts";
import { refuseOtherSettings } from "../index-settings.ts";
import { lastingName, writeIndexSource } from "../index-source.ts";
import { ENCODE_OPTIONS, encodeSettings, loadDense } from "../load-dense.ts";
import { checkOutputFolder } from "../output-place.ts";
import { counter, endCounter, neededOption } from "../prepare-options.ts";
import { countText } from "../units.ts";

/** Rows that are encoded and added at once. */
const LOT = 4096;
const STOPPED = 130;

export const buildIndex: Command = {
  name: "index",
  summary: "make an index of texts that `ettin search` finds them in",
  operands: ["model", "data"],
  options: {
    output: { type: "string", value: "folder", help: "where the index goes (needed)" },
    "text-column": { type: "string", value: "name", help: 'the rows\' text; several as "title,text" (default: text)' },
    "id-column": { type: "string", value: "name", help: "the rows' ids (default: id or _id, else their numbers)" },
    metadata: { type: "string", value: "columns", help: 'kept with each vector: "title,url", or none (default: all)' },
    kind: { type: "string", value: "kind", help: "exact, hnsw or auto: hnsw above 100,000 rows (default: auto)" },
    metric: { type: "string", value: "name", help: "cosine, dot or euclidean (default: the model's)" },
    storage: { type: "string", value: "type", help: "float32, bfloat16, int8 or binary (default: float32)" },
    rebuild: { type: "boolean", help: "begin anew where there is an index" },
    ...DATA_OPTIONS,
    ...ENCODE_OPTIONS,
    json: { type: "boolean", help: "print JSON" },
  },
  notes: `Data is a file (.jsonl, .csv, .parquet, …), a folder, or a data set of the hub. Ctrl-C saves what is there; the same
command goes on: ids that the index has are left as they are.
Example: ettin index my-model passages.jsonl --output passages.index --text-column title,text`,
  async run([name = "", path = ""], options, terminal) {
    const folder = neededOption("index", options, "output");
    const kind = choiceOption(options, "kind", ["auto", "exact", "hnsw"]);
    const storage = choiceOption(options, "storage", ["float32", "bfloat16", "int8", "binary"]);
    const asked = choiceOption(options, "metric", ["cosine", "dot", "euclidean"]);
    refuseBoth(options, "prompt", "prompt-name");
    await checkOutputFolder("output", folder);
    const rows = await openRows(path, options, terminal.signal);
    const plan = planOf(rows, options);
    await refuseOtherSettings(folder, options, plan.text);
    const model = await loadDense(name, options, terminal);
    let index: VectorIndex | null = null;
    try {
      const fingerprint = await modelFingerprint(model);
      index = options.rebuild ? null : await existing(folder, fingerprint);
      const before = index?.size ?? 0;
      index ??= await createIndex({
        dim: model.embeddingDimension,
        model: fingerprint,
        metric: asked ?? metricOf(model),
        expected: rows.length,
        ...given({ kind, storage }),
      });
      const added = await addRows(index, model, rows, plan, options, terminal);
      await index.save(folder);
      await writeIndexSource(folder, {
        model: lastingName(name, await isFolder(name)),
        textColumns: plan.text,
        ...given({
          revision: textOption(options, "revision"),
          truncateDim: numberOption(options, "truncate-dim", { whole: true, min: 1 }),
        }),
      });
      report({ folder, index, added, before, stopped: terminal.signal.aborted }, options, terminal);
      return terminal.signal.aborted ? STOPPED : 0;
    } finally {
      index?.dispose();
      model.dispose();
    }
  },
};

/** Which columns are what. */
interface Plan {
  readonly text: readonly string[];
  readonly id: string | null;
  readonly metadata: readonly string[];
}

function planOf(rows: Dataset, options: OptionValues): Plan {
  const text = textColumns("index", rows, textOption(options, "text-column"));
  const id = textOption(options, "id-column") ?? ["id", "_id"].find((name) => rows.columnNames.includes(name)) ?? null;
  if (id !== null) requireColumns("ettin index", rows, [id]);
  const asked = textOption(options, "metadata");
  const metadata = asked === "none" ? [] : asked?.split(",").map((name) => name.trim());
  if (metadata) requireColumns("ettin index", rows, metadata);
  return { text, id, metadata: metadata ?? rows.columnNames.filter((name) => name !== id) };
}

/** The index that is in a folder already. */
async function existing(folder: string, model: string): Promise<VectorIndex | null> {
  if (!(await stat(join(folder, "index.json")).catch(() => null))) return null;
  return openIndex(folder, { model });
}

async function addRows(
  index: VectorIndex,
  model: SentenceTransformer,
  rows: Dataset,
  { text, id, metadata }: Plan,
  options: OptionValues,
  terminal: Terminal,
): Promise<number> {
  const { signal } = terminal;
  const count = counter(terminal, (done, seconds) => `${countText(done)} rows, ${Math.round(done / seconds)} a second`);
  let added = 0;
  const seen = new Map<string, number>();
  for (let start = 0; start < rows.length && !signal.aborted; start += LOT) {
    const lot = rows.rows(Array.from({ length: Math.min(LOT, rows.length - start) }, (_, i) => start + i));
    const ids = lot.map((row, i) => (id === null ? String(start + i) : idOf(row[id], id, rows.place(start + i))));
    refuseTwice(ids, start, id, rows, seen);
    const fresh = ids.flatMap((each, i) => (index.has(each) ? [] : [i]));
    count(lot.length - fresh.length);
    const texts = fresh.map((i) => rowText("index", lot[i]!, text));
    let shown = 0;
    const onProgress = ({ done }: { done: number }) => {
      count(done - shown);
      shown = done;
    };
    try {
      const vectors = await model.encodeDocument(texts, { ...encodeSettings(options), signal, onProgress });
      await index.add({
        ids: fresh.map((i) => ids[i]!),
        vectors,
        metadata: fresh.map((i) => pick(lot[i]!, metadata)),
      });
    } catch (error) {
      if (signal.aborted) break; // the lots before are kept
      throw error;
    }
    added += fresh.length;
  }
  endCounter(terminal);
  return added;
}

function idOf(value: unknown, column: string, place: string): string {
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw new EngineError(
    "ettin index",
    `${JSON.stringify(column)} is ${JSON.stringify(value)} in ${place}`,
    "Give each row an id, or another column: --id-column <name>.",
  );
}

/** A second row with an id would be taken for one that the index has, and left out. */
function refuseTwice(
  ids: readonly string[],
  start: number,
  column: string | null,
  rows: Dataset,
  seen: Map<string, number>,
): void {
  if (column === null) return;
  ids.forEach((id, i) => {
    const before = seen.get(id);
    seen.set(id, start + i);
    if (before === undefined) return;
    throw new EngineError(
      "ettin index",
      `${JSON.stringify(column)} is ${JSON.stringify(id)} twice: in ${rows.place(before)} and in ${rows.place(start + i)}`,
      "Give each row an id of its own, or another column: --id-column <name>.",
    );
  });
}

const pick = (row: Row, columns: readonly string[]): Json =>
  columns.length === 0 ? null : (Object.fromEntries(columns.map((name) => [name, row[name] ?? null])) as Json);

function metricOf({ similarityFnName }: SentenceTransformer): "cosine" | "dot" | "euclidean" {
  if (similarityFnName !== "manhattan") return similarityFnName;
  throw new EngineError(
    "ettin index",
    'the model compares by "manhattan", which no index does',
    "Choose another: --metric euclidean.",
  );
}

const isFolder = async (name: string): Promise<boolean> => (await stat(name).catch(() => null))?.isDirectory() === true;

interface Built {
  readonly folder: string;
  readonly index: VectorIndex;
  readonly added: number;
  readonly before: number;
  readonly stopped: boolean;
}

function report({ folder, index, added, before, stopped }: Built, options: OptionValues, terminal: Terminal): void {
  const { kind, dim, metric, size } = index;
  if (options.json) {
    terminal.write(`${JSON.stringify({ index: folder, kind, dim, metric, size, added, stopped }, null, 2)}\n`);
    return;
  }
  const old = before > 0 ? `, ${countText(before)} were there` : "";
  const end = stopped ? "stopped; the same command goes on\n" : "";
  terminal.write(`${end}${folder}: ${countText(added)} vectors added${old}; ${kind}, ${dim} dimensions, ${metric}\n`);
}
