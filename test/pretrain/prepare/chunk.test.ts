import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MdsWriter, openMds, Tokenizer } from "@ettin/core";
import { chunk, tokenize } from "@ettin/pretrain";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { TALES, TOKENIZER, writeRows } from "./texts.ts";

const root = temporaryFolder();
const tokens = join(root, "tokens");
const rules = { chunkTokens: 32, minTokens: 16, skipTokens: 4 };
let tokenizer: Tokenizer;

const rowsOf = async (folder: string) => {
  const reader = await openMds(folder);
  const rows = [...reader] as { id: string; input_ids: Uint32Array }[];
  reader.close();
  return rows;
};

beforeAll(async () => {
  tokenizer = await Tokenizer.fromFolder(TOKENIZER);
  const long = [TALES.slice(0, 12).join("\n"), TALES.slice(12, 20).join("\n"), "short"];
  const sources = [
    writeRows(
      root,
      "a.jsonl",
      long.map((text) => ({ text })),
    ),
    writeRows(
      root,
      "b.jsonl",
      TALES.slice(20, 30).map((text) => ({ text })),
    ),
  ];
  await tokenize({ sources, tokenizer: TOKENIZER, folder: tokens, workers: 0 });
});
afterAll(() => tokenizer.dispose());

describe("chunk", () => {
  test("keeps the text, in pieces that begin with [CLS] and a space", async () => {
    const folder = join(root, "chunks");
    const stats = await chunk({ source: tokens, tokenizer: TOKENIZER, folder, workers: 0, ...rules });
    const rows = await rowsOf(folder);
    const documents = await rowsOf(tokens);
    expect(stats).toMatchObject({ documents: documents.length, chunks: rows.length, tokensDuplicated: 0 });
    expect(stats.tokensWritten).toBe(rows.reduce((sum, { input_ids }) => sum + input_ids.length, 0));
    expect(stats.tokensMoved).toBeGreaterThan(0);
    const cls = tokenizer.tokenToId("[CLS]")!;
    const text = (ids: Uint32Array) => tokenizer.decode(ids, { skipSpecialTokens: true });
    for (const { input_ids } of rows) {
      expect(input_ids.length).toBeLessThanOrEqual(32);
      expect(input_ids[0]).toBe(cls);
      expect(input_ids.subarray(1)).not.toContain(cls);
      expect(text(input_ids)).toMatch(/^ /);
    }
    // spaces aside the pieces are the document again, but for a rest that was too short and a few tokens
    const bare = (value: string) => value.replace(/\s/g, "");
    for (const { id, input_ids } of documents) {
      const pieces = rows.filter((row) => row.id.startsWith(`${id}-`)).map((row) => text(row.input_ids));
      const whole = bare(text(input_ids));
      let at = 0;
      for (const piece of pieces) {
        const found = whole.indexOf(bare(piece), at);
        expect(found - at).toBeGreaterThanOrEqual(0);
        expect(found - at).toBeLessThan(16); // what the second encoding makes too long is cut
        at = found + bare(piece).length;
      }
      expect(whole.length - at).toBeLessThan(60);
    }
  });

  test("writes statistics beside each folder", async () => {
    const folder = join(root, "chunks");
    const stats = JSON.parse(readFileSync(join(folder, "a", "00000", "stats.json"), "utf8"));
    const rows = await rowsOf(join(folder, "a", "00000"));
    const lengths = rows.map(({ input_ids }) => input_ids.length).sort((a, b) => a - b);
    expect(stats.percentiles["0"]).toBe(lengths[0]);
    expect(stats.percentiles["100"]).toBe(lengths.at(-1));
    const deciles = JSON.parse(readFileSync(join(folder, "a", "00000", "token_decile.json"), "utf8"));
    expect(deciles).toEqual({ "0k": rows.map((_, i) => i) });
  });

  test("gives the same chunks again, on any number of jobs, and keeps folders that are finished", async () => {
    const again = join(root, "again");
    cpSync(join(root, "chunks"), again, { recursive: true });
    rmSync(join(again, "a", "00000"), { recursive: true });
    rmSync(join(again, "index.json"));
    await chunk({ source: tokens, tokenizer: TOKENIZER, folder: again, workers: 0, ...rules });
    expect(await rowsOf(again)).toEqual(await rowsOf(join(root, "chunks")));
    const options = { source: tokens, tokenizer: TOKENIZER, folder: again, workers: 0, ...rules };
    await expect(chunk({ ...options, seed: 1 })).rejects.toThrow("was begun with seed 42, but it is 1 now");
    await expect(chunk({ ...options, minTokens: 31 })).rejects.toThrow(
      "minTokens is 31, and chunkTokens 32. Pass a whole number from 0 to 30",
    );
  });

  test("refuses documents of another tokenizer", async () => {
    const other = join(root, "other-tokenizer");
    cpSync(TOKENIZER, other, { recursive: true });
    writeFileSync(join(other, "tokenizer.json"), `${readFileSync(join(TOKENIZER, "tokenizer.json"), "utf8")}\n`);
    const folder = join(root, "mixed-up");
    await expect(chunk({ source: tokens, tokenizer: other, folder, workers: 0, ...rules })).rejects.toThrow(
      /was tokenized with another tokenizer: the sha256 .* Pass the one of the texts\./,
    );
    expect(existsSync(folder)).toBe(false);
  });

  test("appends the token that ends texts where it is missing", async () => {
    const writer = new MdsWriter(join(root, "bare"), { columns: { id: "str", input_ids: "ndarray" } });
    const ids = Uint32Array.from(tokenizer.encode(" Two readers", { addSpecialTokens: false }).ids);
    const sep = tokenizer.tokenToId("[SEP]")!;
    await writer.write({ id: "a", input_ids: ids });
    await writer.write({ id: "b", input_ids: Uint32Array.of(...ids, sep) });
    await writer.finish();
    const folder = join(root, "ended");
    await chunk({ source: writer.folder, tokenizer: TOKENIZER, folder, appendEos: true, workers: 0 });
    const expected = Uint32Array.of(tokenizer.tokenToId("[CLS]")!, ...ids, sep);
    expect((await rowsOf(folder)).map(({ input_ids }) => input_ids)).toEqual([expected, expected]);
  });

  test("names what holds no token ids", async () => {
    const writer = new MdsWriter(join(root, "floats"), { columns: { id: "str", input_ids: "ndarray" } });
    await writer.write({ id: "a", input_ids: Float32Array.of(0.5) });
    await writer.finish();
    const options = { source: writer.folder, tokenizer: TOKENIZER, folder: join(root, "x"), workers: 0 };
    await expect(chunk(options)).rejects.toThrow(`${writer.folder}, row 0: input_ids are no token ids`);
    await expect(chunk({ ...options, source: join(root, "nothing") })).rejects.toThrow("ENOENT");
  });
});
