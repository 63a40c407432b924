import { maskedCrc32c } from "./crc32c.ts";

/**
 * A record of a TFRecord file: `uint64 length, uint32 checksum of length, bytes, uint32 checksum of bytes`, little-endian.
 *
 * @see https://www.tensorflow.org/tutorials/load_data/tfrecord
 */
export function tfRecord(bytes: Uint8Array): Uint8Array {
  const record = Buffer.alloc(8 + 4 + bytes.length + 4);
  record.writeBigUInt64LE(BigInt(bytes.length), 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  record.set(bytes, 12);
  record.writeUInt32LE(maskedCrc32c(bytes), 12 + bytes.length);
  return record;
}
