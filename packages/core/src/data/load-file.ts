import { basename, dirname } from "node:path";
import { EngineError } from "../errors.ts";
import { readArrow } from "../formats/arrow.ts";
import { BadRows } from "../formats/bad-rows.ts";
import { readCsv } from "../formats/csv.ts";
import { readJsonFile } from "../formats/json-file.ts";
import { jsonLines } from "../formats/json-lines.ts";
import { openMds } from "../formats/mds-reader.ts";
import { readParquet } from "../formats/parquet.ts";
import { readRecords } from "../formats/read-records.ts";
import { textRecords } from "../formats/text.ts";
import { type DataFormat, formatOfName } from "./data-format.ts";
import type { LoadDatasetOptions } from "./load-options.ts";
import { MdsTable } from "./mds-table.ts";
import type { Table } from "./table.ts";

/** The table of one file. */
export async function loadFile(
  where: string,
  file: string,
  given: DataFormat | undefined,
  options: LoadDatasetOptions,
): Promise<Table> {
  const format = given ?? formatOfName(file);
  const { columns, signal } = options;
  const bad = new BadRows(options.onBadRow ?? "error");
  const table = await read();
  if (bad.count > 0) {
    process.emitWarning(
      `${bad.count} of ${bad.count + table.length} rows of ${basename(file)} were left out; the first: ${bad.first}`,
      {
        code: "ETTIN_BAD_ROWS",
      },
    );
  }
  return table;

  function read(): Promise<Table> {
    switch (format) {
      case "jsonl":
        return readRecords(where, file, jsonLines(), bad, signal);
      case "json":
        return readJsonFile(where, file, options.field, bad, signal);
      case "csv":
        return readCsv(where, file, options, bad, signal);
      case "tsv":
        return readCsv(where, file, { ...options, delimiter: options.delimiter ?? "\t" }, bad, signal);
      case "mds":
        return openMds(dirname(file), {
          ...(columns && { columns }),
          ...(options.verifyHashes !== undefined && { verifyHashes: options.verifyHashes }),
        }).then((reader) => new MdsTable(reader));
      case "parquet":
        return readParquet(where, file, columns, signal);
      case "arrow":
        return readArrow(where, file, columns, signal);
      case "text":
        return readRecords(
          where,
          file,
          textRecords(options.sampleBy ?? "line", options.keepLinebreaks ?? false),
          bad,
          signal,
        );
      default:
        throw new EngineError(
          where,
          `${basename(file)} is of no known format`,
          'Name it .jsonl, .json, .csv, .tsv, .parquet, .arrow or .txt (also .gz and .zst), or set format: "…".',
        );
    }
  }
}
