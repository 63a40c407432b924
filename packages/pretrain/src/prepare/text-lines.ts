import { isUtf8 } from "node:buffer";
import { byteStream, EngineError } from "@ettin/core";

export interface Lines {
  readonly lines: readonly string[];
  /** The number of the first one, from 1. */
  readonly first: number;
}

/** A longer line is no text for a model, but a file of another kind. */
const LONGEST_LINE = 2 ** 29;

/**
 * The lines of a UTF-8 file, many at a time; `.gz` and `.zst` files are decompressed. The last line may lack its end;
 * a byte order mark at the beginning is left out.
 *
 * @throws EngineError naming file and line, where it cannot be read, is cut off or is not UTF-8
 */
export async function* readLines(path: string): AsyncGenerator<Lines> {
  let first = 1;
  let rest: Buffer = Buffer.alloc(0);
  const decode = (bytes: Buffer): Lines => {
    if (!isUtf8(bytes)) throw notUtf8(path, bytes, first);
    const text = bytes.toString("utf8");
    const lines = (first === 1 ? text.replace(/^\uFEFF/, "") : text).split("\n");
    const block = { lines, first };
    first += lines.length;
    return block;
  };
  try {
    for await (const chunk of byteStream("readLines", path)) {
      const end = chunk.lastIndexOf(0x0a);
      if (end < 0) {
        rest = Buffer.concat([rest, chunk]);
        if (rest.length > LONGEST_LINE) throw fault(path, first, `the line is longer than ${LONGEST_LINE} bytes`);
        continue;
      }
      yield decode(rest.length > 0 ? Buffer.concat([rest, chunk.subarray(0, end)]) : chunk.subarray(0, end));
      rest = Buffer.from(chunk.subarray(end + 1));
    }
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw fault(path, first, (error as Error).message, error);
  }
  if (rest.length > 0) yield decode(rest);
}

function notUtf8(path: string, bytes: Buffer, first: number): EngineError {
  let line = first;
  for (let at = 0; at <= bytes.length; line++) {
    const end = bytes.indexOf(0x0a, at);
    const stop = end < 0 ? bytes.length : end;
    if (!isUtf8(bytes.subarray(at, stop))) return fault(path, line, "the line is not UTF-8");
    at = stop + 1;
  }
  return fault(path, line, "a character is cut by the end of a line");
}

const fault = (path: string, line: number, what: string, cause?: unknown): EngineError =>
  new EngineError("readLines", `${path}, line ${line}: ${what}`, "Repair the file, or leave it out.", { cause });
