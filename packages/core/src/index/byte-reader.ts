import type { FileHandle } from "node:fs/promises";

const READ_AT_ONCE = 1 << 22;

/** A file's bytes, one piece after the other, with few reads. */
export class ByteReader {
  readonly #file: FileHandle;
  readonly #size: number;
  readonly #refuse: (offset: number, what: string) => never;
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Bytes taken so far. */
  offset = 0;

  constructor(file: FileHandle, size: number, refuse: (offset: number, what: string) => never) {
    this.#file = file;
    this.#size = size;
    this.#refuse = refuse;
  }

  /**
   * The next bytes, valid until the next call.
   *
   * @param what for the message where the file ends before
   */
  async take(bytes: number, what: string): Promise<Buffer> {
    if (this.#at + bytes > this.#buffer.length) await this.#fill(bytes, what);
    const piece = this.#buffer.subarray(this.#at, this.#at + bytes);
    this.#at += bytes;
    this.offset += bytes;
    return piece;
  }

  async #fill(bytes: number, what: string): Promise<void> {
    if (this.offset + bytes > this.#size) this.#refuse(this.offset, `the file ends in ${what}`);
    const length = Math.min(Math.max(READ_AT_ONCE, bytes), this.#size - this.offset);
    const buffer = Buffer.allocUnsafe(length);
    for (let filled = 0; filled < length; ) {
      const { bytesRead } = await this.#file.read(buffer, filled, length - filled, this.offset + filled);
      if (bytesRead === 0) this.#refuse(this.offset + filled, `the file ends in ${what}`);
      filled += bytesRead;
    }
    this.#buffer = buffer;
    this.#at = 0;
  }
}
