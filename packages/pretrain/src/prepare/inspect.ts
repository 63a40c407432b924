import { type MdsReader, openMds, type Tokenizer } from "@ettin/core";
import { percentilesOf } from "./length-stats.ts";

export interface InspectOptions {
  /** Decodes the samples' `input_ids`. */
  tokenizer?: Tokenizer;
  /** Rows to show, spread evenly. @default 3 */
  samples?: number;
  signal?: AbortSignal;
}

/** What a folder of shards holds. */
export interface Inspected {
  readonly rows: number;
  /** By what every shard was compared with the index: ["sha1"]; empty where the index has no hashes that Node knows. */
  readonly hashes: readonly string[];
  /** Encodings by column. */
  readonly columns: Readonly<Record<string, string>>;
  /** Of `input_ids`, where there is such a column. */
  readonly tokens: number | null;
  readonly lengths: Readonly<Record<string, number>> | null;
  /** The least and the largest id. */
  readonly ids: readonly [least: number, largest: number] | null;
  readonly samples: readonly {
    readonly row: number;
    readonly values: Record<string, unknown>;
    readonly text: string | null;
  }[];
}

/**
 * Reads a folder of shards from end to end.
 *
 * @throws EngineError naming the shard, for one that is damaged: every shard is compared with its hashes in the index
 */
export async function inspect(folder: string, options: InspectOptions = {}): Promise<Inspected> {
  const { tokenizer, samples = 3, signal } = options;
  const reader = await openMds(folder);
  try {
    const count = Math.min(samples, reader.length);
    const rows = Array.from({ length: count }, (_, i) => Math.floor((i * reader.length) / count));
    const measured = measure(reader, signal);
    return {
      rows: reader.length,
      hashes: reader.hashes,
      columns: reader.encodings,
      tokens: measured?.tokens ?? null,
      lengths: measured?.lengths ?? null,
      ids: measured?.ids ?? null,
      samples: rows.map((row) => {
        const values = reader.row(row);
        const ids = values.input_ids as ArrayLike<number> | undefined;
        return { row, values, text: tokenizer && ids ? tokenizer.decode(ids) : null };
      }),
    };
  } finally {
    reader.close();
  }
}

/** Reads every row, so that every shard is looked at. */
function measure(reader: MdsReader, signal: AbortSignal | undefined) {
  const hasIds = reader.columns.includes("input_ids");
  const lengths = new Float64Array(reader.length);
  let [tokens, least, largest] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < reader.length; i++) {
    if (i % 4096 === 0) signal?.throwIfAborted();
    const row = reader.row(i);
    if (!hasIds) continue;
    const ids = row.input_ids as ArrayLike<number>;
    lengths[i] = ids.length;
    tokens += ids.length;
    for (let t = 0; t < ids.length; t++) {
      const id = Number(ids[t]);
      if (id < least) least = id;
      if (id > largest) largest = id;
    }
  }
  if (!hasIds) return null;
  return { tokens, lengths: percentilesOf(lengths), ids: tokens > 0 ? ([least, largest] as const) : null };
}
