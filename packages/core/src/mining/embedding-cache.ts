/** Embeddings kept between runs, as NumPy's .npy. */

import { createHash } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { flushFolder } from "../hub/flush-folder.ts";
import type { Rows } from "../similarity/vector-rows.ts";

/** The file's name: another model, prompt or text gives another. */
export function cacheFile(
  folder: string,
  what: "query" | "corpus",
  model: string,
  prompt: { prompt?: string | undefined; promptName?: string | undefined },
  texts: readonly string[],
): string {
  const hash = createHash("sha256").update(JSON.stringify([model, prompt.prompt ?? null, prompt.promptName ?? null]));
  for (const text of texts) hash.update(`\n${JSON.stringify(text)}`);
  return join(folder, `${what}_embeddings_${hash.digest("hex")}.npy`);
}

/** Writes `[rows, dim]` float32; the file appears at once. */
export async function writeEmbeddings(path: string, { data, rows, dim }: Rows): Promise<void> {
  const folder = join(path, "..");
  await mkdir(folder, { recursive: true });
  const beside = `${path}.${process.pid}.partial`;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${dim}), }`;
  const header = Buffer.from(`\x93NUMPY\x01\x00..${text.padEnd(117)}\n`, "latin1"); // 128 bytes, as NumPy aligns it
  header.writeUInt16LE(118, 8);
  try {
    const file = await open(beside, "w");
    try {
      await file.writeFile(header);
      await file.writeFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await flushFolder(folder);
}

/** Reads what `writeEmbeddings` or `numpy.save` wrote; null where there is no file. */
export async function readEmbeddings(where: string, path: string, rows: number): Promise<Rows | null> {
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (!file) return null;
  try {
    const refuse = (what: string): never => {
      throw new EngineError(where, `${path} ${what}`, "Delete it: the embeddings are made again.");
    };
    const start = Buffer.alloc(10);
    await file.read(start, 0, 10, 0);
    if (start.toString("latin1", 0, 8) !== "\x93NUMPY\x01\x00") refuse("is no .npy file");
    const header = Buffer.alloc(start.readUInt16LE(8));
    await file.read(header, 0, header.length, 10);
    const match = /'descr': '<f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\)/.exec(header.toString("latin1"));
    const [count, dim] = [Number(match?.[1]), Number(match?.[2])];
    const bytes = (await file.stat()).size - 10 - header.length;
    if (!match || bytes !== 4 * count * dim) refuse(`has ${bytes} bytes of numbers for (${match?.[1]}, ${match?.[2]})`);
    if (count !== rows) refuse(`has ${count} embeddings for ${rows} texts`);
    const data = new Float32Array(count * dim);
    const target = new Uint8Array(data.buffer);
    for (let done = 0; done < bytes; ) {
      const { bytesRead } = await file.read(target, done, Math.min(1 << 28, bytes - done), 10 + header.length + done);
      if (bytesRead === 0) refuse(`ends at byte ${10 + header.length + done}`);
      done += bytesRead;
    }
    return { data, rows: count, dim };
  } finally {
    await file.close();
  }
}
