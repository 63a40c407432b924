import { createHash, type Hash } from "node:crypto";

const DIGITS = 16; // of 4 bits

export const newHash = (): Hash => createHash("sha256");

export const digestOf = (hash: Hash): string => hash.digest("hex").slice(0, DIGITS);

/** What becomes of a fingerprint when something is done to the data. */
export function fingerprintAfter(
  before: string,
  step: string,
  ...details: readonly (string | number | Uint8Array | Int32Array)[]
): string {
  const hash = newHash().update(`${before}\0${step}`);
  for (const detail of details) {
    hash.update("\0");
    hash.update(typeof detail === "number" ? String(detail) : detail);
  }
  return digestOf(hash);
}
