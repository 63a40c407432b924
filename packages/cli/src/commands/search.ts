import { type Dataset, type Hit, type Json, modelFingerprint, openIndex, type VectorIndex } from "@ettin/core";
import type { SentenceTransformer } from "@ettin/dense";
import { given, numberOption, refuseBoth, refuseWithout, textOption } from "../arguments.ts";
import { type Command, type OptionValues, type Terminal, UsageError } from "../command.ts";
import { DATA_NAMES, DATA_OPTIONS, openRows, rowText, textColumns } from "../data-options.ts";
import { checkIsIndex } from "../index-settings.ts";
import { type IndexSource, readIndexSource } from "../index-source.ts";
import { ENCODE_OPTIONS, encodeSettings, loadDense } from "../load-dense.ts";
import { metadataFilter } from "../metadata-filter.ts";
import { columns } from "../units.ts";

/** Queries that are encoded and searched at once. */
const LOT = 1024;
const LONGEST = 96;

export const search: Command = {
  name: "search",
  summary: "what an index has nearest to a query; without one it asks",
  operands: ["index"],
  optional: "query",
  options: {
    k: { type: "string", value: "n", help: "hits of each query (default: 5)" },
    queries: { type: "string", value: "path", help: "rows with queries: a file, a folder, a data set of the hub" },
    "text-column": { type: "string", value: "name", help: "the rows' query (default: query, question or text)" },
    filter: { type: "string", multiple: true, value: "key=value", help: "only items whose metadata say so" },
    model: {
      type: "string",
      value: "model",
      help: "the model that made the index (default: the one it was made with)",
    },
    ef: { type: "string", value: "n", help: "hnsw: candidates that a search keeps (default: 128)" },
    ...DATA_OPTIONS,
    ...ENCODE_OPTIONS,
    json: { type: "boolean", help: "a line of JSON for each query" },
  },
  notes: `Queries come as the argument, from --queries, as piped lines, or typed one after the other; an empty line ends that.
Example: ettin search passages.index "Who invented dynamite?" --k 3`,
  async run([folder = "", query], options, terminal) {
    const k = numberOption(options, "k", { whole: true, min: 1 }) ?? 5;
    const ef = numberOption(options, "ef", { whole: true, min: 1 });
    const filter = metadataFilter((options.filter as readonly string[] | undefined) ?? []);
    const path = textOption(options, "queries");
    if (path !== undefined && query !== undefined) throw new UsageError("give a query or --queries, not both");
    if (path === undefined) refuseWithout(options, ["text-column", ...DATA_NAMES], "--queries <path>");
    refuseBoth(options, "prompt", "prompt-name");
    if (query?.trim() === "") throw new UsageError("the query is empty");
    await checkIsIndex(folder);
    const rows = path === undefined ? null : await queriesOf(path, options, terminal);
    const source = await readIndexSource(folder);
    const name = textOption(options, "model") ?? source?.model;
    if (name === undefined) throw new UsageError(`${folder} does not say its model. Say it: --model <model>`);
    let index: VectorIndex | null = await openIndex(folder); // before the model: it is the quicker one to be wrong
    let model: SentenceTransformer | null = null;
    try {
      model = await loadDense(name, { ...fromSource(source), ...options }, terminal);
      index.dispose();
      index = null;
      index = await openIndex(folder, { model: await modelFingerprint(model), verify: false });
      const searching = {
        index,
        model,
        options,
        terminal,
        hits: { k, ...given({ ef, filter: filter?.accepts }) },
        source,
      };
      if (query !== undefined) await answer(searching, [query], false);
      else if (rows !== null) await answerRows(searching, rows);
      else await answerInput(searching);
      const missing = filter?.missing();
      if (missing) terminal.writeError(`ettin: ${missing}\n`);
      return 0;
    } finally {
      index?.dispose();
      model?.dispose();
    }
  },
};

interface Searching {
  readonly index: VectorIndex;
  readonly model: SentenceTransformer;
  readonly options: OptionValues;
  readonly terminal: Terminal;
  readonly hits: {
    readonly k: number;
    readonly ef?: number;
    readonly filter?: (id: string, metadata: Json) => boolean;
  };
  readonly source: IndexSource | null;
}

async function answer(searching: Searching, queries: readonly string[], titled: boolean): Promise<void> {
  const { index, model, options, terminal, hits, source } = searching;
  const { signal } = terminal;
  const vectors = await model.encodeQuery(queries, { ...encodeSettings(options), signal });
  const found = await index.searchBatch(vectors, { ...hits, signal });
  queries.forEach((query, i) => {
    if (options.json) terminal.write(`${JSON.stringify({ query, hits: found[i] })}\n`);
    else terminal.write(`${titled ? `${query}\n` : ""}${table(found[i]!, source)}\n${titled ? "\n" : ""}`);
  });
}

interface Queries {
  readonly rows: Dataset;
  readonly names: readonly string[];
}

async function queriesOf(path: string, options: OptionValues, terminal: Terminal): Promise<Queries> {
  const rows = await openRows(path, options, terminal.signal);
  const usual = ["query", "question"].find((name) => rows.columnNames.includes(name));
  return { rows, names: textColumns("search", rows, textOption(options, "text-column") ?? usual) };
}

async function answerRows(searching: Searching, { rows, names }: Queries): Promise<void> {
  for (let start = 0; start < rows.length; start += LOT) {
    const lot = rows.skip(start).take(LOT);
    const queries = Array.from(lot, (row) => rowText("search", row, names));
    await answer(searching, queries, true);
  }
}

/** Lines, one after the other: typed ones are asked for. */
async function answerInput(searching: Searching): Promise<void> {
  const { terminal, index } = searching;
  const { input } = terminal;
  if (!input) throw new UsageError("there is no query. Write one after the index, or --queries <path>");
  const ask = () => {
    if (input.typed) terminal.writeError("> ");
  };
  if (input.typed) terminal.writeError(`${index.size.toLocaleString("en")} texts; an empty line ends it\n`);
  ask();
  for await (const line of input.lines()) {
    if (line.trim() === "") {
      if (input.typed) break;
      continue;
    }
    await answer(searching, [line], !input.typed);
    ask();
  }
}

/** Rank, score and id of each hit, and the beginning of its text. */
function table(hits: readonly Hit[], source: IndexSource | null): string {
  if (hits.length === 0) return "nothing found";
  return columns(
    hits.map(({ id, score, metadata }, i) => [`${i + 1}`, score.toFixed(4), id, excerpt(metadata, source)]),
  );
}

function excerpt(metadata: Json, source: IndexSource | null): string {
  if (metadata === null) return "";
  const values = (typeof metadata === "object" ? metadata : {}) as Readonly<Record<string, Json>>;
  const texts = (source?.textColumns ?? []).map((name) => values[name]).filter((value) => typeof value === "string");
  const all = typeof metadata === "string" ? metadata : JSON.stringify(metadata);
  const text = (texts.length > 0 ? texts.join(" ") : all).replace(/\s+/g, " ");
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

/** What the index was made with, as options. */
const fromSource = (source: IndexSource | null): Record<string, string> =>
  given({
    revision: source?.revision,
    "truncate-dim": source?.truncateDim === undefined ? undefined : String(source.truncateDim),
  }) as Record<string, string>;
