import { writeFileSync } from "node:fs";

/** The bytes of a safetensors file with any header: an object, or text as it stands. */
export function safetensors(header: object | string, data: Uint8Array | number = 0): Buffer {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header), "utf8");
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, typeof data === "number" ? Buffer.alloc(data) : data]);
}

export function writeSafetensors(path: string, header: object | string, data: Uint8Array | number = 0): string {
  writeFileSync(path, safetensors(header, data));
  return path;
}
