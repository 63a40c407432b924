/** By what prepared shards are hashed: what hashlib and Node both have, and processors compute. */
export const SHARD_HASHES: readonly string[] = ["sha1"];
