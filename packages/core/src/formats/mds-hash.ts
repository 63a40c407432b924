/** Hashes of shard files, as an index lists them. */
import { createHash, getHashes } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { EngineError } from "../errors.ts";

/** Names of Python's hashlib that Node calls otherwise. */
const NODE_NAMES: Readonly<Record<string, string>> = {
  blake2b: "blake2b512",
  blake2s: "blake2s256",
  sha3_224: "sha3-224",
  sha3_256: "sha3-256",
  sha3_384: "sha3-384",
  sha3_512: "sha3-512",
};

const nodeName = (algorithm: string): string | undefined => {
  const name = NODE_NAMES[algorithm] ?? algorithm;
  return getHashes().includes(name) ? name : undefined;
};

/** Whether files can be hashed by this algorithm here; those of the xxhash family cannot. */
export const canHash = (algorithm: string): boolean => nodeName(algorithm) !== undefined;

/** Bytes read at once. */
const PIECE = 2 ** 20;

/** Digests by algorithm, sorted, of pieces that follow each other. */
export function hashesOf(pieces: Iterable<Uint8Array>, algorithms: readonly string[]): Record<string, string> {
  const hashes = [...algorithms].sort().map((name) => [name, createHash(nodeName(name)!)] as const);
  for (const piece of pieces) for (const [, hash] of hashes) hash.update(piece);
  return Object.fromEntries(hashes.map(([name, hash]) => [name, hash.digest("hex")]));
}

/** A file's bytes, piece by piece; each is valid until the next. */
export function* piecesOf(path: string): Generator<Uint8Array, void, undefined> {
  const file = openSync(path, "r");
  try {
    const piece = Buffer.allocUnsafe(PIECE);
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) yield piece.subarray(0, read);
  } finally {
    closeSync(file);
  }
}

/**
 * Compares a file with the digests of the index, by every algorithm that Node has.
 *
 * @param listed the algorithms that the shard names
 * @param must whether a file that has no digest that can be compared is an error
 * @param data the file's bytes where they are in memory already
 */
export function checkHashes(
  where: string,
  path: string,
  expected: Readonly<Record<string, string>>,
  { listed, must, data }: { listed: readonly string[]; must: boolean; data?: Uint8Array },
): void {
  const known = Object.keys(expected).filter(canHash);
  if (known.length === 0) {
    if (!must) return;
    const names = listed.length > 0 ? `only by ${listed.join(", ")}, which Node does not have` : "not at all";
    throw new EngineError(
      where,
      `${path} is hashed ${names}`,
      "Leave verifyHashes out, or write the shards with sha1, sha256 or md5.",
    );
  }
  const found = hashesOf(data ? [data] : piecesOf(path), known);
  for (const name of known) {
    if (found[name] === expected[name]) continue;
    throw new EngineError(
      where,
      `${path} has ${name} ${found[name]}, but the index says ${expected[name]}`,
      "The shard is damaged: copy it again, or write it anew. verifyHashes: false reads it as it is.",
    );
  }
}
