import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MdsWriter, openMds, Tokenizer } from "@ettin/core";
import { type TokenizeOptions, tokenize } from "@ettin/pretrain";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { TALES, TOKENIZER, writeRows } from "./texts.ts";

const root = temporaryFolder();
let made = 0;
const newFolder = (): string => {
  const folder = join(root, String(made++));
  mkdirSync(folder);
  return folder;
};
const run = (sources: readonly string[], options: Partial<TokenizeOptions> = {}) =>
  tokenize({ sources, tokenizer: TOKENIZER, folder: join(newFolder(), "out"), workers: 0, ...options });

async function rowsOf(folder: string): Promise<Record<string, unknown>[]> {
  const reader = await openMds(folder);
  const rows = [...reader];
  reader.close();
  return rows;
}

/** Every file below a folder with its content. */
function contents(folder: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(folder, name);
    if (/\.(mds|json)$/.test(name)) files[name] = readFileSync(path, "latin1");
  }
  return files;
}

describe("tokenize", () => {
  test("writes the ids of the tokenizer, a space before each text", async () => {
    const texts = newFolder();
    const rows = TALES.slice(0, 40).map((text, i) => (i % 2 ? { id: `tale ${i}`, text } : { text }));
    const folder = join(newFolder(), "out");
    const stats = await run([writeRows(texts, "tales.jsonl.gz", rows)], { folder });
    const tokenizer = await Tokenizer.fromFolder(TOKENIZER);
    const found = await rowsOf(folder);
    expect(found).toHaveLength(40);
    for (const [i, { text }] of rows.entries()) {
      const { ids } = tokenizer.encode(text.startsWith(" ") ? text : ` ${text}`);
      expect(found[i]).toEqual({
        id: i % 2 ? `tale ${i}` : `tales-${i + 1}`,
        input_ids: Uint32Array.from(ids),
        len: ids.length,
      });
    }
    const tokens = found.reduce((sum, { len }) => sum + (len as number), 0);
    const textBytes = rows.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
    expect(stats).toMatchObject({ documents: 40, tokens, tokensAt1024: tokens, textBytes, rows: 40 });
    expect(JSON.parse(readFileSync(join(folder, "stats.json"), "utf8"))).toEqual(stats);
    tokenizer.dispose();
  });

  test("leaves out special tokens and the space on demand, and keeps a domain", async () => {
    const folder = join(newFolder(), "out");
    const source = writeRows(newFolder(), "a.jsonl", [{ body: "Two readers", kind: "tale" }]);
    const options = { addSpecialTokens: false, addPrefixSpace: false, textColumn: "body", domainColumn: "kind" };
    await run([source], { folder, ...options });
    const tokenizer = await Tokenizer.fromFolder(TOKENIZER);
    const { ids } = tokenizer.encode("Two readers", { addSpecialTokens: false });
    expect(await rowsOf(folder)).toEqual([
      { domain: "tale", id: "a-1", input_ids: Uint32Array.from(ids), len: ids.length },
    ]);
    tokenizer.dispose();
  });

  test("counts the tokens of long documents as if they were cut at 1,024", async () => {
    const source = writeRows(newFolder(), "a.jsonl", [{ text: "a b ".repeat(2000) }, { text: "one" }]);
    const stats = await run([source]);
    expect(stats.tokens).toBeGreaterThan(4000);
    expect(stats.tokensAt1024).toBeLessThan(1034);
    expect(stats.tokensAt1024).toBeGreaterThan(1026); // 1024 and the few of "one"
  });

  test("reads text files, folders of files and shards of texts", async () => {
    const folder = newFolder();
    writeFileSync(join(folder, "whole.txt"), "One line.\nAnother line.\n");
    writeRows(folder, "rows.json", [{ text: "A row." }]);
    const shards = new MdsWriter(join(newFolder(), "shards"), { columns: { id: "str", text: "str" } });
    await shards.write({ id: "s", text: "A shard." });
    await shards.finish();
    const stats = await run([folder, shards.folder], { folder: join(root, "mixed") });
    expect(Object.keys(stats.sources)).toEqual(["rows", "whole", "shards"]);
    expect((await rowsOf(join(root, "mixed"))).map(({ id }) => id)).toEqual(["rows-1", "whole-1", "s"]);
  });

  test("begins another part after so many tokens, and goes on where it was stopped", async () => {
    // 12,000 rows are batches of 5,000, 5,000 and 2,000; each passes the limit
    const rows = Array.from({ length: 12_000 }, (_, i) => ({ text: `tale ${i}` }));
    const source = writeRows(newFolder(), "many.jsonl", rows);
    const [whole, stopped] = [join(newFolder(), "out"), join(newFolder(), "out")];
    await run([source], { folder: whole, partTokens: 1000 });
    expect(readdirSync(join(whole, "many")).sort()).toEqual(["00000", "00001", "00002", "index.json", "stats.json"]);

    const stop = new AbortController();
    let batches = 0;
    const onProgress = () => void (++batches === 2 && stop.abort());
    await expect(
      run([source], { folder: stopped, partTokens: 1000, signal: stop.signal, onProgress }),
    ).rejects.toThrow();
    expect(existsSync(join(stopped, "index.json"))).toBe(false);
    const kept = readdirSync(join(stopped, "many")).filter((name) => /^\d+$/.test(name));
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(3);
    mkdirSync(join(stopped, "many", ".00002.partial"), { recursive: true });
    writeFileSync(join(stopped, "many", ".00002.partial", "shard.00000.mds"), "half");
    await run([source], { folder: stopped, partTokens: 1000 });
    expect(contents(stopped)).toEqual(contents(whole));
  });

  test("takes other options where nothing was finished, and says how to begin anew where something was", async () => {
    const folder = join(newFolder(), "out");
    const source = writeRows(newFolder(), "a.jsonl", [{ text: "one" }, { text: null }]);
    await expect(run([source], { folder })).rejects.toThrow('a.jsonl, line 2: column "text" holds null');
    expect(await run([source], { folder, onBadRow: "skip" })).toMatchObject({ documents: 1, skippedBad: 1 });
    await expect(run([source], { folder })).rejects.toThrow(
      `${folder} was begun with onBadRow "skip", but it is not set now. Go on with the same settings, write to another folder, or remove ${folder} to begin anew.`,
    );
  });

  test("leaves out a byte order mark", async () => {
    const source = writeRows(newFolder(), "a.jsonl", ['\uFEFF{"text": "one"}\r', '{"text": "two"}\r']);
    expect(await run([source])).toMatchObject({ documents: 2 });
  });

  test("sources without a text are named", async () => {
    const source = writeRows(newFolder(), "a.jsonl", []);
    await expect(run([source])).rejects.toThrow(`[tokenize] there is no text in ${source}; 0 rows were left out.`);
  });

  test("refuses to go on with other options or other sources", async () => {
    const folder = join(newFolder(), "out");
    const source = writeRows(newFolder(), "a.jsonl", [{ text: "one" }]);
    await run([source], { folder });
    await expect(run([source], { folder, addPrefixSpace: false })).rejects.toThrow(
      `${folder} was begun with addPrefixSpace true, but it is false now`,
    );
    writeRows(source.replace(/\/[^/]*$/, ""), "a.jsonl", [{ text: "one" }, { text: "two" }]);
    await expect(run([source], { folder })).rejects.toThrow("was begun with sources");
    rmSync(folder, { recursive: true });
    await run([source], { folder });
    expect(await rowsOf(folder)).toHaveLength(2);
  });
});

describe("a bad source is named", () => {
  const bad = (rows: readonly unknown[], options: Partial<TokenizeOptions> = {}) =>
    run([writeRows(newFolder(), "bad.jsonl.gz", rows)], options);

  test.each<[string, unknown[], RegExp]>([
    ["a line that is not JSON", [{ text: "a" }, "{"], /bad\.jsonl\.gz, line 2: the line is not JSON/],
    ["a line that is no object", ["[1]"], /line 1: the line is no JSON object/],
    ["an empty text", [{ text: "a" }, "", { text: " \n" }], /bad\.jsonl\.gz, line 3: the text is empty.*onEmptyText/],
    [
      "a missing column",
      [{ txet: "a", id: 1 }],
      /line 1: there is no column "text" among txet, id; the nearest is "txet"/,
    ],
    ["a number for a text", [{ text: 1 }], /line 1: column "text" holds a number, not a text/],
  ])("%s", async (_, rows, message) => {
    await expect(bad(rows)).rejects.toThrow(message);
  });

  test("and left out and counted on demand", async () => {
    const rows = ["{", { text: "" }, { text: "kept" }, { id: 1 }, { text: 5 }];
    const stats = await bad(rows, { onBadRow: "skip", onEmptyText: "skip" });
    expect(stats).toMatchObject({ documents: 1, skippedBad: 3, skippedEmpty: 1, rows: 5 });
  });

  test("where its bytes are damaged", async () => {
    const folder = newFolder();
    writeFileSync(
      join(folder, "a.jsonl"),
      Buffer.from([...Buffer.from('{"text": "a"}\n{"text": "'), 0xff, 0x22, 0x7d]),
    );
    await expect(run([join(folder, "a.jsonl")])).rejects.toThrow(/a\.jsonl, line 2: the line is not UTF-8/);
    const path = writeRows(
      folder,
      "cut.jsonl.gz",
      Array.from({ length: 500 }, (_, i) => ({ text: `${Math.sqrt(i)}` })),
    );
    writeFileSync(path, readFileSync(path).subarray(0, 900));
    await expect(run([path])).rejects.toThrow(/cut\.jsonl\.gz/);
  });

  test("where there is nothing to read", async () => {
    await expect(run([join(root, "nowhere.jsonl")])).rejects.toThrow("nowhere.jsonl: ENOENT");
    await expect(run([newFolder()])).rejects.toThrow("holds neither texts nor shards");
    const one = writeRows(newFolder(), "a.jsonl", [{ text: "a" }]);
    await expect(run([one, writeRows(newFolder(), "a.json", [{ text: "a" }])])).rejects.toThrow('are both named "a"');
    await expect(run([one], { tokenizer: newFolder() })).rejects.toThrow("Pass the folder of a tokenizer");
  });
});
