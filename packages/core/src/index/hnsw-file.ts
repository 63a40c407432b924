/**
 * The file of hnswlib, which does not check what it reads: a wrong link makes it read and write outside its memory. So
 * every number that it follows is checked here first.
 *
 * Low byte first. A header of 96 bytes: offset of level 0, room, count, bytes of an element, offsets of label and vector
 * (u64 each), highest level (i32), entry point (u32), M of upper levels, M of level 0, M (u64), a level's factor (f64),
 * efConstruction (u64). Then an element per place: number of links (u16), deleted (u8), a byte, the links (u32), the
 * vector (f32), its label (u64). Then per place the bytes of its upper levels (u32) and, level by level, number and links.
 */
import { open } from "node:fs/promises";
import { totalmem } from "node:os";
import { EngineError } from "../errors.ts";
import { ByteReader } from "./byte-reader.ts";
import { Pauses } from "./pauses.ts";

const HEADER = 96;
/** What hnswlib keeps for a place beside its element: locks, levels, lists, marks. */
const PLACE_BYTES = 96;
const MOST_LABEL = 2 ** 32;

export interface HnswFile {
  readonly count: number;
  readonly room: number;
  readonly m: number;
  readonly efConstruction: number;
  /** Bytes of an element, and where its label is. */
  readonly elementBytes: number;
  readonly labelOffset: number;
  /** By place. */
  readonly labels: Float64Array;
  /** 1 where the element is deleted, by place. */
  readonly deleted: Uint8Array;
}

/**
 * @param dim the file does not say it
 * @throws EngineError that names the file and the offset of what is wrong
 */
export async function checkHnswFile(where: string, path: string, dim: number): Promise<HnswFile> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const refuse = (offset: number, what: string): never => {
      throw new EngineError(
        where,
        `${path} is no whole file of hnswlib for ${dim} dimensions: at byte ${offset}, ${what}`,
        "Check dim; if that is right, the file is damaged: restore it, or build the index again.",
      );
    };
    const reader = new ByteReader(file, size, refuse);
    return await read(reader, size, dim, refuse);
  } finally {
    await file.close();
  }
}

async function read(
  reader: ByteReader,
  size: number,
  dim: number,
  refuse: (offset: number, what: string) => never,
): Promise<HnswFile> {
  const header = await reader.take(HEADER, "the header");
  const u64 = (at: number): number => {
    const value = header.readBigUInt64LE(at);
    return value < 2n ** 53n ? Number(value) : refuse(at, `there is ${value}`);
  };
  const [room, count, elementBytes, labelOffset] = [u64(8), u64(16), u64(24), u64(32)];
  const [top, entry] = [header.readInt32LE(48), header.readUInt32LE(52)];
  const [maxM, maxM0, m, efConstruction] = [u64(56), u64(64), u64(72), u64(88)];
  const expect = (at: number, name: string, value: number, right: number): void => {
    if (value !== right) refuse(at, `${name} is ${value}, where ${right} is needed`);
  };
  const linkBytes = 4 + 4 * maxM0;
  if (m < 2 || m > 10_000) refuse(72, `M is ${m}`);
  expect(0, "the offset of level 0", u64(0), 0);
  expect(56, "M of upper levels", maxM, m);
  expect(64, "M of level 0", maxM0, 2 * m);
  if ((elementBytes - linkBytes - 8) / 4 !== dim) {
    refuse(24, `an element has ${elementBytes} bytes, which are ${(elementBytes - linkBytes - 8) / 4} dimensions`);
  }
  expect(40, "the offset of a vector", u64(40), linkBytes);
  expect(32, "the offset of a label", labelOffset, linkBytes + 4 * dim);
  const factor = header.readDoubleLE(80);
  if (!(factor > 0 && factor < 100)) refuse(80, `a level's factor is ${factor}`);
  if (efConstruction < 1) refuse(88, `efConstruction is ${efConstruction}`);
  if (count < 1 || count > room) refuse(16, `there are ${count} elements in room for ${room}`);
  if (HEADER + count * (elementBytes + 4) > size) refuse(16, `${count} elements are more than ${size} bytes hold`);
  if (room * (elementBytes + PLACE_BYTES) > Math.max(totalmem(), 2 * size)) {
    refuse(8, `room for ${room} elements is more than this machine's memory`);
  }
  if (entry >= count) refuse(52, `the entry point is element ${entry} of ${count}`);

  const labels = new Float64Array(count);
  const deleted = new Uint8Array(count);
  const pauses = new Pauses();
  for (let place = 0; place < count; place++) {
    const at = reader.offset;
    const element = await reader.take(elementBytes, "an element");
    checkLinks(element, 0, maxM0, count, at, refuse);
    if (element[2]! > 1) refuse(at + 2, `the mark of element ${place} is ${element[2]}`);
    deleted[place] = element[2]!;
    for (let d = linkBytes; d < labelOffset; d += 4) {
      // exponent bits all set: an infinity or a NaN
      if ((element.readUInt16LE(d + 2) & 0x7f80) === 0x7f80)
        refuse(at + d, `element ${place} has a number that is not finite`);
    }
    const label = element.readBigUInt64LE(labelOffset);
    if (label >= BigInt(MOST_LABEL)) refuse(at + labelOffset, `label ${label} has more than 32 bits`);
    labels[place] = Number(label);
    if (place % 64 === 63) await pauses.take();
  }

  const levels = new Int32Array(count);
  const uppers: { place: number; level: number; at: number }[] = [];
  for (let place = 0; place < count; place++) {
    const at = reader.offset;
    const bytes = (await reader.take(4, "the size of upper levels")).readUInt32LE(0);
    if (bytes % (4 + 4 * m) !== 0) refuse(at, `element ${place} has ${bytes} bytes of upper levels`);
    levels[place] = bytes / (4 + 4 * m);
    if (levels[place]! > top) refuse(at, `element ${place} has ${levels[place]} levels, but the highest is ${top}`);
    for (let level = 1; level <= levels[place]!; level++) {
      const start = reader.offset;
      const list = await reader.take(4 + 4 * m, "upper links");
      checkLinks(list, 0, m, count, start, refuse);
      for (let i = 0; i < list.readUInt16LE(0); i++) {
        uppers.push({ place: list.readUInt32LE(4 + 4 * i), level, at: start + 4 + 4 * i });
      }
    }
    if (place % 64 === 63) await pauses.take();
  }
  if (reader.offset !== size) refuse(reader.offset, `${size - reader.offset} bytes follow the last element`);
  if (levels[entry] !== top) refuse(52, `the entry point has ${levels[entry]} levels, but the highest is ${top}`);
  for (const { place, level, at } of uppers) {
    if (levels[place]! < level) refuse(at, `a link of level ${level} leads to an element with ${levels[place]} levels`);
  }
  return { count, room, m, efConstruction, elementBytes, labelOffset, labels, deleted };
}

/** A list: its length in 16 bits, two bytes of marks, and the numbers of elements. */
function checkLinks(
  bytes: Buffer,
  at: number,
  most: number,
  count: number,
  offset: number,
  refuse: (offset: number, what: string) => never,
): void {
  const links = bytes.readUInt16LE(at);
  if (links > most) refuse(offset + at, `there are ${links} links in place of at most ${most}`);
  for (let i = 0; i < links; i++) {
    const to = bytes.readUInt32LE(at + 4 + 4 * i);
    if (to >= count) refuse(offset + at + 4 + 4 * i, `a link leads to element ${to} of ${count}`);
  }
}
