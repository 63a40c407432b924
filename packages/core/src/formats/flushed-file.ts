/** Files that are on the disk when the call ends. */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { flushFolder } from "../hub/flush-folder.ts";

const WRITE_AT_ONCE = 1 << 26; // one write call takes less than 2 GiB

/** Writes a file's parts, one after the other, and flushes it. A file of that name is replaced. */
export async function writeFlushed(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, "w");
  try {
    for (const part of parts) await writeAll(file, part);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Writes a file that appears at once or not at all: beside its place, flushed, renamed, and the folder flushed. */
export async function writeFileWhole(path: string, content: Uint8Array): Promise<void> {
  const folder = dirname(path);
  const beside = join(folder, `.${basename(path)}.${process.pid}-${randomBytes(4).toString("hex")}.partial`);
  try {
    await writeFlushed(beside, [content]);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await flushFolder(folder);
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(WRITE_AT_ONCE, bytes.byteLength - done));
    done += bytesWritten;
  }
}
