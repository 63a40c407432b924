/**
 * Protocol buffers' wire form, as far as event files need it. A message is the concatenation of its fields, in the order
 * of their numbers.
 *
 * @see https://protobuf.dev/programming-guides/encoding
 */
const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5];

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(Math.trunc(value))); // a negative number takes ten bytes
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

const tag = (field: number, kind: number): Uint8Array => varint((field << 3) | kind);

/** An integer. */
export const integerField = (field: number, value: number): Uint8Array =>
  Buffer.concat([tag(field, VARINT), varint(value)]);

export function doubleField(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([tag(field, FIXED64), bytes]);
}

export function floatField(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([tag(field, FIXED32), bytes]);
}

/** A string, or a message within the message. */
export function bytesField(field: number, value: string | readonly Uint8Array[]): Uint8Array {
  const bytes = typeof value === "string" ? Buffer.from(value) : Buffer.concat(value);
  return Buffer.concat([tag(field, BYTES), varint(bytes.length), bytes]);
}
