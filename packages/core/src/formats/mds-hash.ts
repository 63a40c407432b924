/** Hashes of shard files, as an index lists them. */
import { createHash, getHashes } from "node:crypto";
import { readFileSync } from "node:fs";
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

/** Digests by algorithm, sorted. */
export function hashesOf(data: Uint8Array, algorithms: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    [...algorithms].sort().map((name) => [name, createHash(nodeName(name)!).update(data).digest("hex")]),
  );
}

/**
 * Compares a file with the digests of the index, by every algorithm that Node has.
 *
 * @param listed the algorithms that the shard names
 * @param data the file's bytes where they are in memory already
 */
export function checkHashes(
  where: string,
  path: string,
  expected: Readonly<Record<string, string>>,
  listed: readonly string[],
  data?: Uint8Array,
): void {
  const known = Object.keys(expected).filter(canHash);
  if (known.length === 0) {
    const names = listed.length > 0 ? `only by ${listed.join(", ")}, which Node does not have` : "not at all";
    throw new EngineError(
      where,
      `${path} is hashed ${names}`,
      "Leave verifyHashes out, or write the shards with sha1, sha256 or md5.",
    );
  }
  const found = hashesOf(data ?? readFileSync(path), known);
  for (const name of known) {
    if (found[name] === expected[name]) continue;
    throw new EngineError(
      where,
      `${path} has ${name} ${found[name]}, but the index says ${expected[name]}`,
      "The shard is damaged: copy it again, or write it anew.",
    );
  }
}
