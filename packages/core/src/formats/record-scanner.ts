/** Where a record is in the bytes that were searched, and the line on which it begins, from 1. */
export type Found = (start: number, end: number, line: number) => void;

/**
 * Finds the records of a text in bytes that arrive piece by piece. What a call leaves is searched again, from its
 * beginning, with the next piece behind it.
 */
export interface RecordScanner {
  /**
   * @param bytes what the last call left, and more
   * @param final whether nothing follows
   * @returns how many bytes are done with
   * @throws Error about the text as a whole
   */
  scan(bytes: Buffer, final: boolean, found: Found): number;
}

const NEWLINE = 10;
const RETURN = 13;

const isSpace = (byte: number): boolean => byte === 32 || byte === NEWLINE || byte === RETURN || byte === 9;

/** @param keepEmpty whether an empty line is a record; else lines of spaces are none either */
export function lineScanner(keepEmpty: boolean): RecordScanner {
  let line = 0;
  return {
    scan(bytes, final, found) {
      let start = 0;
      for (;;) {
        let end = bytes.indexOf(NEWLINE, start);
        if (end < 0) {
          if (!final || start === bytes.length) return start;
          end = bytes.length;
        }
        line++;
        const last = end > start && bytes[end - 1] === RETURN ? end - 1 : end;
        if (keepEmpty || !blank(bytes, start, last)) found(start, last, line);
        start = Math.min(end + 1, bytes.length);
      }
    },
  };
}

function blank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (!isSpace(bytes[at]!)) return false;
  return true;
}

/** Paragraphs: what stands between empty lines. The text is cut at every pair of line ends; empty pieces are none. */
export function paragraphScanner(): RecordScanner {
  let line = 1;
  let separator: Buffer | null = null;
  return {
    scan(bytes, final, found) {
      let start = 0;
      const emit = (end: number, next: number): void => {
        if (end > start) found(start, end, line);
        line += newlines(bytes, start, next);
        start = next;
      };
      const newline = separator ? -1 : bytes.indexOf(NEWLINE);
      if (newline >= 0) separator = Buffer.from(bytes[newline - 1] === RETURN ? "\r\n\r\n" : "\n\n");
      if (separator) {
        for (let end = bytes.indexOf(separator); end >= 0; end = bytes.indexOf(separator, start)) {
          emit(end, end + separator.length);
        }
      }
      if (final) emit(bytes.length, bytes.length);
      return start;
    },
  };
}

function newlines(bytes: Buffer, start: number, end: number): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE, start); at >= 0 && at < end; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

/** The whole text. */
export function documentScanner(): RecordScanner {
  return {
    scan(bytes, final, found) {
      if (!final) return 0;
      if (bytes.length > 0) found(0, bytes.length, 1);
      return bytes.length;
    },
  };
}

const [QUOTE, BACKSLASH, COMMA] = [34, 92, 44];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125];

/** The items of a JSON array, found by brackets and quotes alone. */
export function jsonArrayScanner(): RecordScanner {
  let line = 1;
  let depth = 0;
  let inText = false;
  let escaped = false;
  let itemLine = 0;
  let afterComma = false;
  let done = false;
  /** Where the search goes on, in the bytes of the next call; and where an unfinished item begins, or -1. */
  let [searched, item] = [0, -1];
  return {
    scan(bytes, final, found) {
      const finish = (end: number): void => {
        if (item >= 0) found(item, end, itemLine);
        else if (afterComma || bytes[end] === COMMA) throw new Error(`line ${line} has a comma without an item`);
        item = -1;
      };
      for (let at = searched; at < bytes.length; at++) {
        const byte = bytes[at]!;
        if (byte === NEWLINE) line++;
        if (inText) {
          if (escaped) escaped = false;
          else if (byte === BACKSLASH) escaped = true;
          else if (byte === QUOTE) inText = false;
          continue;
        }
        if (isSpace(byte)) continue;
        if (depth === 0) {
          if (done || byte !== OPEN_LIST) throw new Error(`line ${line} has text outside of the array`);
          depth = 1;
          continue;
        }
        if (depth === 1 && (byte === COMMA || byte === CLOSE_LIST)) {
          finish(at);
          afterComma = byte === COMMA;
          done = byte === CLOSE_LIST;
          if (done) depth = 0;
          continue;
        }
        if (item < 0) [item, itemLine, afterComma] = [at, line, false];
        if (byte === QUOTE) inText = true;
        else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth++;
        else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
          depth--;
          if (depth < 1) throw new Error(`line ${line} closes more brackets than are open`);
        }
      }
      if (final && !done) throw new Error(`it ends on line ${line}, inside of the array`);
      const consumed = item >= 0 ? item : bytes.length;
      searched = bytes.length - consumed;
      if (item >= 0) item = 0;
      return consumed;
    },
  };
}
