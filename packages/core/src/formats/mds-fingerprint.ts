import { createHash } from "node:crypto";
import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { type MdsShard, mdsIndexText } from "./mds-index.ts";

/** Bytes of each end of a file. */
const END = 2 ** 16;

/** A digest of the index, and of both ends of each shard that it has no hashes of. */
export function fingerprintOf(folder: string, shards: readonly MdsShard[]): string {
  const hash = createHash("sha256").update(mdsIndexText(shards));
  const buffer = Buffer.allocUnsafe(END);
  for (const { rawData, zipData } of shards) {
    if (Object.keys(rawData.hashes).length > 0) continue;
    const [raw, zip] = [rawData, zipData].map((file) => file && join(folder, file.basename));
    const path = raw && existsSync(raw) ? raw : zip && existsSync(zip) ? zip : null;
    if (path === null) {
      const wayOut = "Copy the shard again, or write it anew.";
      throw new EngineError("MdsReader", `${join(folder, rawData.basename)}: the file is missing`, wayOut);
    }
    const file = openSync(path, "r");
    try {
      const { size } = fstatSync(file);
      for (const at of [0, Math.max(0, size - END)]) {
        hash.update(buffer.subarray(0, readSync(file, buffer, 0, END, at)));
      }
    } finally {
      closeSync(file);
    }
  }
  return hash.digest("hex");
}
