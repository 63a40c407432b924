import { packBestFit, packBestFitAsync, packedBatchSampler } from "@ettin/pretrain";
import { describe, expect, test } from "vitest";

/** An item is its length and a name, as in "6a". */
const length = (item: string) => Number.parseInt(item, 10);
const pack = (
  source: string[][],
  options: { rows: number; rowLength: number; sourceBatchSize: number; bufferSize?: number },
) => [...packBestFit(source, { length, ...options })].map(({ rows }) => rows.map((row) => row.join(" ")));

describe("greedy best fit", () => {
  test("each sequence goes to the fullest row that has room, of equals to the first", () => {
    // 6a: both empty, row 0. 5b: row 0 has 4, row 1. 4c: row 0 has 4 and row 1 has 5: row 0. 5d: row 1.
    expect(pack([["6a", "5b", "4c", "5d"]], { rows: 2, rowLength: 10, sourceBatchSize: 4 })).toEqual([
      ["6a 4c", "5b 5d"],
    ]);
    // 3a, 3b: row 0 has 7 and then 4; 7c fits row 1 only; 2d: row 1 has 3, row 0 has 4
    expect(pack([["3a", "3b", "7c", "2d"]], { rows: 2, rowLength: 10, sourceBatchSize: 4 })).toEqual([
      ["3a 3b", "7c 2d"],
    ]);
  });

  test("sequences that fit nowhere wait for the next batch, the last of them first", () => {
    // rows of 6: 4a, 5b fill them; 3c and then 4d and 6e fit nowhere. The next batch begins with 6e, 4d, 3c
    const packed = pack([["4a", "5b", "3c", "4d", "6e", "2f", "1g"]], { rows: 2, rowLength: 6, sourceBatchSize: 7 });
    expect(packed).toEqual([
      ["4a 2f", "5b 1g"],
      ["6e", "4d"], // 3c is left, and alone it does not fill two rows
    ]);
  });

  test("the order of waiting sequences is turned round each time", () => {
    // one row of 4: each batch takes the first that waits and sets the others aside
    const packed = pack([["4a", "4b", "4c", "4d"]], { rows: 1, rowLength: 4, sourceBatchSize: 4 });
    expect(packed).toEqual([["4a"], ["4d"], ["4b"], ["4c"]]); // d c b | b c | c
  });

  test("it ends with the batch that would leave a row empty", () => {
    expect(pack([["6a", "6b", "6c"]], { rows: 2, rowLength: 6, sourceBatchSize: 3 })).toEqual([["6a", "6b"]]);
    expect(pack([["1a"]], { rows: 2, rowLength: 6, sourceBatchSize: 3 })).toEqual([]);
    expect(pack([], { rows: 1, rowLength: 6, sourceBatchSize: 3 })).toEqual([]);
  });

  test("empty sequences are skipped", () => {
    expect(pack([["0a", "6b", "0c"], ["0d"], ["6e"]], { rows: 2, rowLength: 6, sourceBatchSize: 3 })).toEqual([
      ["6b", "6e"],
    ]);
  });

  test("a batch that would fill the buffer exactly is not taken: of 5 batches' room, 4 are used", () => {
    let taken = 0;
    const source = function* () {
      for (;;) {
        taken++;
        yield ["9a", "9b"];
      }
    };
    let beforeTheFirstRow = 0;
    const rows = () => {
      beforeTheFirstRow = taken;
      return 2;
    };
    packBestFit(source(), { length, rows, rowLength: 9, sourceBatchSize: 2 }).next();
    expect(beforeTheFirstRow).toBe(4); // 10 - 8 sequences is not above a batch's 2
    // Two are packed and six set aside; the request is then 10 - 6 = 4, two batches, which are set aside as well.
    expect(taken).toBe(6);
  });

  test("a refill stays within what the set-aside sequences leave", () => {
    let taken = 0;
    const source = function* () {
      for (const batch of [
        ["9a", "9b", "9c"],
        ["9d", "9e", "9f"],
        ["9g", "9h", "9i"],
      ]) {
        taken++;
        yield batch;
      }
    };
    const packing = packBestFit(source(), { length, rows: 1, rowLength: 9, sourceBatchSize: 3, bufferSize: 4 });
    // buffer of 4: one batch of 3. a is packed, b and c wait: the request is 2, less than a batch
    expect(packing.next().value).toMatchObject({ rows: [["9a"]] });
    expect(taken).toBe(1);
    // c, b: c is packed, b waits; the request is 3: one batch more, of which all wait: 0 is left
    expect(packing.next().value).toMatchObject({ rows: [["9c"]] });
    expect(taken).toBe(2);
  });

  test("tokens are counted, whatever is masked later, and efficiency is their share of the room", () => {
    const options = { length, rows: 2, rowLength: 10, sourceBatchSize: 2, bufferSize: 3, tokensSeen: 100 };
    const batches = [
      ...packBestFit(
        [
          ["6a", "9b"],
          ["8c", "10d"],
        ],
        options,
      ),
    ];
    expect(batches.map(({ tokens, tokensSeen, efficiency }) => [tokens, tokensSeen, efficiency])).toEqual([
      [15, 115, 0.75],
      [18, 133, 0.9],
    ]);
  });

  test("the number of rows may grow with the tokens packed so far", () => {
    const source = [["4a", "4b", "4c", "4d", "4e", "4f"]];
    const rows = (tokens: number) => (tokens < 4 ? 1 : 2);
    const packed = [...packBestFit(source, { length, rows, rowLength: 4, sourceBatchSize: 6 })];
    expect(packed.map((batch) => batch.rows.length)).toEqual([1, 2, 2]);
  });

  test("a source that is read as it goes gives the same batches", async () => {
    const source = Array.from({ length: 40 }, (_, i) =>
      Array.from({ length: 8 }, (_, j) => `${1 + ((i * 37 + j * 91) % 64)}x${i}-${j}`),
    );
    const options = { length, rows: 4, rowLength: 128, sourceBatchSize: 8 };
    const reading = async function* () {
      for (const batch of source) yield await Promise.resolve(batch);
    };
    const read: unknown[] = [];
    for await (const batch of packBestFitAsync(reading(), options)) read.push(batch);
    const packed = [...packBestFit(source, options)];
    expect(read).toEqual(packed);

    const items = packed.flatMap(({ rows }) => rows.flat());
    expect(new Set(items).size).toBe(items.length); // nothing twice
    expect(packed.length).toBeGreaterThan(15);
    for (const { efficiency } of packed.slice(0, 10)) expect(efficiency).toBeGreaterThan(0.95); // while the source lasts
    for (const { rows } of packed) {
      for (const row of rows) expect(row.reduce((sum, item) => sum + length(item), 0)).toBeLessThanOrEqual(128);
    }
  });

  test("a source that is not read to its end is closed", async () => {
    let closed = 0;
    const source = function* () {
      try {
        for (;;) yield ["3a", "3b"];
      } finally {
        closed++;
      }
    };
    const options = { length, rows: 1, rowLength: 3, sourceBatchSize: 2 };
    for (const _ of packBestFit(source(), options)) break;
    const reading = async function* () {
      yield* source();
    };
    for await (const _ of packBestFitAsync(reading(), options)) break;
    expect(closed).toBe(2);
  });

  test("a sequence longer than a row, and sizes that cannot be, are errors", () => {
    const options = { rows: 1, rowLength: 6, sourceBatchSize: 2 };
    expect(() => pack([["7a"]], options)).toThrow("[packBestFit] an item has 7 tokens, and a row 6.");
    expect(() => pack([], { ...options, rows: 0 })).toThrow("[packBestFit] rows is 0");
    expect(() => pack([], { ...options, bufferSize: 2 })).toThrow("bufferSize is 2, and a batch of the source 2");
  });
});

describe("a sampler whose batches are packed", () => {
  const lengths = Array.from({ length: 100 }, (_, i) => 1 + ((i * 37) % 16));
  const source = {
    batchesPerEpoch: 12,
    *batches(epoch: number) {
      for (let b = 0; b < 12; b++) yield Array.from({ length: 8 }, (_, i) => (b * 8 + i + 5 * epoch) % 100);
    },
  };
  const sampler = packedBatchSampler({
    source,
    length: (row) => lengths[row]!,
    batchSize: 8,
    microBatchSize: 4,
    maxSeqLen: 16,
  });

  test("lists the rows of each group after the other; each group fits a micro-batch", () => {
    const batches = [...sampler.batches(0)];
    const packed = [...sampler.packed(0)];
    expect(batches).toEqual(packed.map(({ rows }) => rows.flat()));
    for (const { rows } of packed) {
      expect(rows.length).toBe(2);
      for (const row of rows) expect(row.reduce((sum, i) => sum + lengths[i]!, 0)).toBeLessThanOrEqual(64);
    }
  });

  test("has no more batches than its source, and each at least as many rows", () => {
    const batches = [...sampler.batches(0)];
    expect(batches.length).toBeGreaterThan(4);
    expect(batches.length).toBeLessThanOrEqual(sampler.batchesPerEpoch);
    for (const batch of batches.slice(0, -1)) expect(batch.length).toBeGreaterThanOrEqual(8);
  });

  test("the same epoch gives the same batches, another one others", () => {
    expect([...sampler.batches(1)]).toEqual([...sampler.batches(1)]);
    expect([...sampler.batches(1)]).not.toEqual([...sampler.batches(0)]);
  });
});
