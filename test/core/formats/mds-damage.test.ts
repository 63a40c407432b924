import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openMds, readMdsIndex } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { ROOT } from "../../support/root.ts";

const FIXTURES = join(ROOT, "test/fixtures/mds");
const root = temporaryFolder();
let made = 0;

/** A copy of a fixture. */
function copied(name: string): string {
  const folder = join(root, String(made++));
  cpSync(join(FIXTURES, name), folder, { recursive: true });
  return folder;
}

/** Changes bytes of a shard; its size stays. */
function patch(folder: string, change: (bytes: Buffer) => void, name = "shard.00000.mds"): void {
  const bytes = readFileSync(join(folder, name));
  change(bytes);
  writeFileSync(join(folder, name), bytes);
}

async function readAll(folder: string): Promise<void> {
  const reader = await openMds(folder);
  try {
    for (const _ of reader) void _;
  } finally {
    reader.close();
  }
}

describe("a damaged shard is named", () => {
  const shard = "merged/b"; // 7 samples: offsets at 4, configuration at 36

  test("when it is shorter or gone", async () => {
    const folder = copied(shard);
    truncateSync(join(folder, "shard.00000.mds"), 100);
    await expect(openMds(folder)).rejects.toThrow(/shard\.00000\.mds: it has 100 bytes, but the index says \d+/);
    rmSync(join(folder, "shard.00000.mds"));
    await expect(openMds(folder)).rejects.toThrow("shard.00000.mds: the file is missing");
  });

  test.each<[string, (bytes: Buffer) => void, RegExp]>([
    ["its count is wrong", (b) => b.writeUInt32LE(8, 0), /shard\.00000\.mds: it says 8 samples, but the index says 7/],
    ["samples begin in the header", (b) => b.writeUInt32LE(4, 4), /the samples start at byte 4, outside of 36 to/],
    ["an offset falls", (b) => b.writeUInt32LE(100, 12), /sample 1 ends at byte 100, outside of/],
    ["an offset lies behind the end", (b) => b.writeUInt32LE(2 ** 31, 12), /sample 1 ends at byte 2147483648/],
    ["the last offset is not the end", (b) => b.writeUInt32LE(b.readUInt32LE(32) - 1, 32), /its samples end at byte/],
    [
      "a text is too long",
      (b) => b.writeUInt32LE(10_000, b.readUInt32LE(8)),
      /shard\.00000\.mds: sample 1: column "id" ends at byte 10008 of \d+\. The shard is damaged/,
    ],
    [
      "a text is too short",
      (b) => b.writeUInt32LE(1, b.readUInt32LE(8)),
      /sample 1: column "input_ids" ends inside its shape/,
    ],
    ["a text is not UTF-8", (b) => b.writeUInt8(0xff, b.readUInt32LE(8) + 8), /sample 1: column "id" is not UTF-8/],
    [
      "an array says more than it has",
      (b) => b.writeUInt8(200, b.readUInt32LE(8) + 8 + 5 + 1),
      /sample 1: column "input_ids" has \d+ bytes of uint32 \[200\], which takes 800/,
    ],
  ])("where %s", async (_, change, message) => {
    const folder = copied(shard);
    patch(folder, change);
    await expect(readAll(folder)).rejects.toThrow(message);
  });

  test("where its hash differs", async () => {
    const folder = copied("plain");
    patch(folder, (bytes) => bytes.writeUInt8(bytes.at(-1)! ^ 1, bytes.length - 1));
    const reader = await openMds(folder, { verifyHashes: true });
    expect(() => reader.row(0)).toThrow(/shard\.00000\.mds has md5 [0-9a-f]{32}, but the index says [0-9a-f]{32}/);
    reader.close();
  });

  test.each(["zstd", "gz"])("where %s data is cut or changed", async (name) => {
    const folder = copied(name);
    const file = `shard.00000.mds.${name}`;
    const index = join(folder, "index.json");
    const whole = readFileSync(join(folder, file));
    writeFileSync(join(folder, file), whole.subarray(0, -40));
    writeFileSync(
      index,
      readFileSync(index, "utf8").replace(`"bytes": ${whole.length},`, `"bytes": ${whole.length - 40},`),
    );
    await expect(readAll(folder)).rejects.toThrow(file);
    const other = copied(name);
    patch(other, (bytes) => bytes.fill(0x55, 20, 60), file);
    await expect(readAll(other)).rejects.toThrow(file);
  });

  test("where it decompresses to another size than the index says", async () => {
    for (const name of ["zstd", "gz"]) {
      const folder = copied(name);
      const index = join(folder, "index.json");
      const [shard] = await readMdsIndex(folder);
      const text = readFileSync(index, "utf8");
      writeFileSync(index, text.replace(`"bytes": ${shard!.rawData.bytes},`, `"bytes": ${shard!.rawData.bytes - 1},`));
      await expect(readAll(folder)).rejects.toThrow(`shard.00000.mds.${name}`);
    }
  });
});

describe("a damaged index is named", () => {
  const patched = (change: (index: { version: unknown; shards: Record<string, unknown>[] }) => void): string => {
    const folder = copied("merged/b");
    const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
    change(index);
    writeFileSync(join(folder, "index.json"), JSON.stringify(index));
    return folder;
  };

  test.each<[string, Parameters<typeof patched>[0], string]>([
    ["a version", (index) => Object.assign(index, { version: 3 }), "version is 3"],
    ["no shards", (index) => Object.assign(index, { shards: {} }), "no list of shards"],
    ["a format", ({ shards }) => Object.assign(shards[0]!, { format: "csv" }), 'shard 0: format is "csv"'],
    ["fewer encodings", ({ shards }) => Object.assign(shards[0]!, { column_encodings: ["str"] }), "not 2 names"],
    [
      "a size",
      ({ shards }) => Object.assign(shards[0]!, { column_sizes: [null, 4] }),
      "has size 4, but null is its size",
    ],
    ["samples", ({ shards }) => Object.assign(shards[0]!, { samples: -1 }), "samples is -1"],
    ["a twin", ({ shards }) => Object.assign(shards[0]!, { column_names: ["id", "id"] }), "a name twice"],
    [
      "other columns",
      ({ shards }) => shards.push({ ...shards[0], column_names: ["id", "text"] }),
      "has columns id, text, but the first shard has id, input_ids",
    ],
  ])("for %s", async (_, change, message) => {
    await expect(openMds(patched(change))).rejects.toThrow(message);
  });

  test.each(["../shard.00000.mds", "/etc/passwd", "a/../../b", "C:\\x", ""])(
    "for the basename %j, which leaves the folder",
    async (basename) => {
      const folder = patched(({ shards }) =>
        Object.assign(shards[0]!, { raw_data: { basename, bytes: 1, hashes: {} } }),
      );
      await expect(openMds(folder)).rejects.toThrow("which is not a path inside the folder");
    },
  );

  test("where it is no JSON, and a column that is not there", async () => {
    const folder = copied("merged/b");
    await expect(openMds(folder, { columns: ["tokens"] })).rejects.toThrow(
      'has no column "tokens". It has id, input_ids.',
    );
    writeFileSync(join(folder, "index.json"), "{");
    await expect(openMds(folder)).rejects.toThrow("index.json: this is not JSON");
  });

  test("a pickle is refused by name, and the other columns read without it", async () => {
    const folder = patched(({ shards }) => Object.assign(shards[0]!, { column_encodings: ["pkl", "ndarray:uint32"] }));
    await expect(openMds(folder)).rejects.toThrow('the encoding of column "id" is "pkl", a pickle');
    const reader = await openMds(folder, { columns: ["input_ids"] });
    expect(Object.keys(reader.row(0))).toEqual(["input_ids"]);
    reader.close();
  });
});
