import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from "node:fs";

/** A file that grows by whole records. */
export interface AppendFile {
  /** Writes a record, after those that could not be written before. */
  append(record: Uint8Array): void;
  /** Makes what was written survive a power cut. */
  sync(): void;
  close(): void;
}

/**
 * Opens a file to write at its end. A record that a full disk cuts short is taken back and kept in memory until the next
 * one comes, so that the file has whole records only.
 *
 * @param onNotice called with a sentence when records cannot be written, and when they are again
 */
export function openAppendFile(path: string, onNotice: (notice: string) => void): AppendFile {
  let file: number | null = openSync(path, "a");
  let size = fstatSync(file).size;
  let waiting: Uint8Array[] = [];
  let failed = false;

  const write = (): void => {
    if (file === null || waiting.length === 0) return;
    try {
      if (failed) ftruncateSync(file, size); // half a record may lie there
      const bytes = Buffer.concat(waiting);
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      size += bytes.length;
      if (failed) onNotice(`${path} is written again, with the ${waiting.length} records that had to wait.`);
      failed = false;
      waiting = [];
    } catch (error) {
      if (!failed) onNotice(`${path} cannot be written: ${(error as Error).message}. Its records wait in memory.`);
      failed = true;
    }
  };

  return {
    append(record) {
      waiting.push(record);
      write();
    },
    sync() {
      write();
      if (file !== null && !failed) fsyncSync(file);
    },
    close() {
      if (file === null) return;
      write();
      if (failed) onNotice(`${path} lacks its last ${waiting.length} records: they could not be written.`);
      closeSync(file);
      file = null;
    },
  };
}
