import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { inChild } from "./support/child.ts";
import type { DataFigures } from "./support/read-data.ts";
import type { TrainingFigures } from "./support/train-data.ts";

export const name = "Data: files loaded, read in order, shuffled and trained on, in a heap of 512 MB";

const HEAP = { NODE_OPTIONS: "--max-old-space-size=512" };

/** 2 GB of JSON lines, four times the heap; with --quick 60 MB. */
export async function run({ quick }: { quick: boolean }): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "ettin-bench-"));
  try {
    const total = quick ? 60e6 : 2e9;
    const large = join(folder, "large.jsonl");
    const bytes = await write(large, total, 480);
    report("JSON lines of 500 bytes", bytes, inChild<DataFigures>("read-data.ts", { file: large }, HEAP));
    const trained = inChild<TrainingFigures>("train-data.ts", { file: large, steps: 50 }, HEAP);
    console.log(
      `    ${trained.steps} training steps on it, shuffled: loss ${trained.firstLoss.toFixed(2)} to ` +
        `${trained.lastLoss.toFixed(2)}, ${trained.resident.toFixed(0)} MB resident, heap limit ${trained.heapLimit.toFixed(0)} MB`,
    );
    rmSync(large);
    for (const [what, file, lines] of [
      ["JSON lines of 120 bytes", "short.jsonl", json],
      ["the same, gzip", "short.jsonl.gz", json],
      ["CSV of the same", "short.csv", csv],
    ] as const) {
      const path = join(folder, file);
      const bytes = await write(path, quick ? 20e6 : 200e6, 60, lines);
      report(what, bytes, inChild<DataFigures>("read-data.ts", { file: path }, HEAP));
      rmSync(path);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param bytes of the file, unpacked */
function report(what: string, bytes: number, figures: DataFigures): void {
  const { load, inOrder, shuffled, batches, rows, resident, heap } = figures;
  const perSecond = (seconds: number) => `${Math.round(rows / seconds / 1000)}k rows/s`.padStart(12);
  console.log(
    `  ${what} (${(bytes / 1e6).toFixed(0)} MB, ${rows} rows): loaded at ${(bytes / 1e6 / load).toFixed(0)} MB/s\n` +
      `    in order ${perSecond(inOrder)}, shuffled ${perSecond(shuffled)}, shuffled in batches of 32 ${perSecond(batches)}; ` +
      `resident at most ${(resident / 1e6).toFixed(0)} MB, heap ${(heap / 1e6).toFixed(0)} MB`,
  );
}

type Lines = (row: { id: number; anchor: string; positive: string; score: number }) => string;
const json: Lines = (row) => JSON.stringify(row);
const csv: Lines = ({ id, anchor, positive, score }) =>
  id < 0 ? "id,anchor,positive,score" : `${id},"${anchor}",${positive},${score}`;

/**
 * Words that look random: the same in every run.
 *
 * @param letters of the two texts of a row, together
 * @returns bytes written, before they are packed
 */
async function write(file: string, bytes: number, letters: number, line: Lines = json): Promise<number> {
  const words = Array.from({ length: 4096 }, (_, i) => ((i * 2654435761) >>> 0).toString(36).slice(0, 2 + (i % 7)));
  const text = (seed: number, length: number) => {
    let made = "";
    for (let i = seed; made.length < length; i += 7919) made += `${words[(i * 31 + (i >>> 5)) & 4095]} `;
    return made;
  };
  let written = 0;
  function* lines(): Generator<string> {
    if (line === csv) yield `${csv({ id: -1, anchor: "", positive: "", score: 0 })}\n`;
    for (let id = 0; written < bytes; ) {
      let block = "";
      for (let i = 0; i < 1000; i++, id++) {
        const score = (id % 1000) / 1000;
        block += `${line({ id, anchor: text(id, letters / 4), positive: text(id + 13, (3 * letters) / 4), score })}\n`;
      }
      written += block.length;
      yield block;
    }
  }
  const target = createWriteStream(file);
  if (file.endsWith(".gz")) await pipeline(Readable.from(lines()), createGzip({ level: 6 }), target);
  else await pipeline(Readable.from(lines()), target);
  return written;
}
