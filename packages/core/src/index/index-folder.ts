/** An index in a folder: files under names of their own, and index.json, which names them and is replaced last. */
import { type FileHandle, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { crc32 } from "node:zlib";
import { EngineError } from "../errors.ts";
import { writeFileWhole } from "../formats/flushed-file.ts";
import { flushFolder } from "../hub/flush-folder.ts";
import {
  CHECKED_BYTES,
  FILE_NAME,
  type FileRole,
  FORMAT,
  type IndexAbout,
  MANIFEST,
  parseManifest,
  type SavedFile,
  VERSION,
} from "./index-manifest.ts";
import { Turns } from "./turns.ts";
import type { Json } from "./vector-index.ts";

/** A file's bytes, or a function that writes the file itself. */
export interface FileToSave {
  readonly name: Exclude<FileRole, "items">;
  readonly write: AsyncIterable<Uint8Array> | ((path: string) => Promise<void>);
}

export interface IndexToSave {
  readonly about: IndexAbout;
  /** Id and metadata of each place in order; null where it is free. */
  readonly items: readonly (readonly [id: string, metadata: Json] | null)[];
  readonly files: readonly FileToSave[];
}

const WHERE = "VectorIndex.save";
const folders = new Map<string, { turns: Turns; users: number }>();

/** Saves, one after the other where they go to one folder. */
export async function saveIndexFolder(folder: string, index: IndexToSave): Promise<void> {
  const path = resolve(folder);
  const entry = folders.get(path) ?? { turns: new Turns(), users: 0 };
  folders.set(path, entry);
  entry.users++;
  try {
    await entry.turns.take(() => save(path, index));
  } finally {
    if (--entry.users === 0) folders.delete(path);
  }
}

async function save(folder: string, { about, items, files }: IndexToSave): Promise<void> {
  await mkdir(folder, { recursive: true });
  const before = await namesBefore(folder);
  const stamp = `${process.pid}-${Date.now().toString(36)}${process.hrtime.bigint().toString(36)}`;
  const saved: Partial<Record<FileRole, SavedFile>> = {};
  try {
    for (const { name, write } of files) saved[name] = await saveFile(join(folder, `${name}-${stamp}.bin`), write);
    saved.items = await saveFile(join(folder, `items-${stamp}.jsonl`), itemLines(items));
    await flushFolder(folder);
    const count = items.reduce((sum, item) => sum + (item ? 1 : 0), 0);
    const manifest = { format: FORMAT, version: VERSION, ...about, count, files: saved };
    await writeFileWhole(join(folder, MANIFEST), Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`));
  } catch (error) {
    // The last step that can fail comes after index.json was replaced: then these are the files that it names.
    const now = await namesBefore(folder).catch(() => null);
    if (now && !now.some((name) => name.includes(stamp))) await removeFiles(folder, (name) => name.includes(stamp));
    throw error;
  }
  const kept = new Set(Object.values(saved).map(({ name }) => name));
  await removeFiles(folder, (name) => !kept.has(name) && (before.includes(name) || !isBeingWritten(name)));
}

/** The files of the index that is there. A folder whose index.json is something else's stays as it is. */
async function namesBefore(folder: string): Promise<string[]> {
  const path = join(folder, MANIFEST);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (text === null) return [];
  if (!text.includes(`"${FORMAT}"`)) {
    throw new EngineError(WHERE, `${path} is there and is no index of Ettin`, "Save to another folder.");
  }
  return [...text.matchAll(/"name": "([^"]+)"/g)].map((match) => match[1]!);
}

async function saveFile(path: string, write: FileToSave["write"]): Promise<SavedFile> {
  if (typeof write === "function") {
    await write(path);
    return flushAndSum(path);
  }
  const sums = new Checksums();
  const file = await open(path, "w");
  try {
    for await (const part of write) {
      sums.add(part);
      await writeAll(file, part);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { name: basename(path), ...sums.result() };
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) done += (await file.write(bytes, done)).bytesWritten;
}

async function flushAndSum(path: string): Promise<SavedFile> {
  const file = await open(path, "r+");
  try {
    await file.sync();
    const sums = new Checksums();
    for await (const { bytes } of fileChunks(file)) sums.add(bytes);
    return { name: basename(path), ...sums.result() };
  } finally {
    await file.close();
  }
}

/** CRC-32 of every 8 MiB of what is added. */
class Checksums {
  readonly #sums: number[] = [];
  #bytes = 0;

  add(part: Uint8Array): void {
    for (let at = 0; at < part.byteLength; ) {
      const inside = this.#bytes % CHECKED_BYTES;
      const piece = part.subarray(at, at + CHECKED_BYTES - inside);
      if (inside === 0) this.#sums.push(0);
      this.#sums[this.#sums.length - 1] = crc32(piece, this.#sums.at(-1)!);
      this.#bytes += piece.byteLength;
      at += piece.byteLength;
    }
  }

  result(): { bytes: number; crc32: number[] } {
    return { bytes: this.#bytes, crc32: this.#sums };
  }
}

/** A file in pieces of 8 MiB. A piece is overwritten by the next. */
export async function* fileChunks(file: FileHandle): AsyncGenerator<{ bytes: Buffer; offset: number }> {
  const buffer = Buffer.allocUnsafe(CHECKED_BYTES);
  for (let offset = 0; ; ) {
    let filled = 0;
    while (filled < CHECKED_BYTES) {
      const { bytesRead } = await file.read(buffer, filled, CHECKED_BYTES - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    if (filled > 0) yield { bytes: buffer.subarray(0, filled), offset };
    if (filled < CHECKED_BYTES) return;
    offset += filled;
  }
}

async function* itemLines(items: IndexToSave["items"]): AsyncGenerator<Uint8Array> {
  let text = "";
  for (const item of items) {
    text +=
      item === null
        ? "null\n"
        : `${JSON.stringify(item[1] === null ? { id: item[0] } : { id: item[0], metadata: item[1] })}\n`;
    if (text.length < 1 << 18) continue;
    yield Buffer.from(text);
    text = "";
  }
  yield Buffer.from(text);
}

async function removeFiles(folder: string, which: (name: string) => boolean): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    // One that somebody has mapped may not go on Windows: the next save removes it.
    if (pidOf(name) !== null && which(name)) await rm(join(folder, name), { force: true }).catch(() => {});
  }
}

/** The process that wrote a file of ours, or an index.json that did not come to its place. */
function pidOf(name: string): number | null {
  const match = FILE_NAME.exec(name) ?? /^\.index\.json\.(\d+)-[0-9a-f]+\.partial$/.exec(name);
  return match && Number(match[1]);
}

/** Whether another process that is alive wrote it: it may not have come to its index.json. */
function isBeingWritten(name: string): boolean {
  const pid = pidOf(name);
  if (pid === process.pid) return false;
  try {
    process.kill(pid!, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Reads a folder's index.json. */
export async function readManifest(where: string, folder: string): Promise<ReturnType<typeof parseManifest>> {
  const path = join(folder, MANIFEST);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
    throw new EngineError(where, `there is no ${path}`, "Name the folder that index.save wrote.", { cause: error });
  });
  return parseManifest(where, path, text);
}

/** Compares a file with what index.json says of it. */
export async function verifyFile(where: string, folder: string, saved: SavedFile, contents: boolean): Promise<void> {
  const path = join(folder, saved.name);
  const damaged = (what: string): EngineError =>
    new EngineError(
      where,
      `${path} ${what}`,
      "It is damaged or cut off: restore it, or build and save the index again.",
    );
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? damaged("is missing") : error;
  });
  try {
    const { size } = await file.stat();
    if (size !== saved.bytes) throw damaged(`has ${size} bytes, but index.json says ${saved.bytes}`);
    if (!contents) return;
    for await (const { bytes, offset } of fileChunks(file)) {
      const sum = saved.crc32[offset / CHECKED_BYTES];
      if (crc32(bytes) === sum) continue;
      throw damaged(`is not what was saved: bytes ${offset} to ${offset + bytes.length - 1} have another checksum`);
    }
  } finally {
    await file.close();
  }
}
