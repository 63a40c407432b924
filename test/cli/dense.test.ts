import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openIndex, openWeights } from "@ettin/core";
import { SentenceTransformer } from "@ettin/dense";
import { main } from "ettin";
import { beforeAll, describe, expect, test } from "vitest";
import { saveSmallEncoder } from "../support/dense-model.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runCommand, typing } from "../support/terminal.ts";

const root = temporaryFolder();
const model = join(root, "model");
const PASSAGES = [
  { id: "sea", title: "The sea", text: "The sea is wide and grey." },
  { id: "hill", title: "The hill", text: "A giant lives on the hill." },
  { id: "light", title: "The light", text: "The keeper writes everything down." },
];
const passages = join(root, "passages.jsonl");
const TEXTS = PASSAGES.map(({ text }) => text);
let expected: Float32Array[];

const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
const newFolder = (): string => mkdtempSync(join(root, "run-"));

beforeAll(async () => {
  await saveSmallEncoder(model);
  writeFileSync(passages, lines(PASSAGES));
  const loaded = await SentenceTransformer.fromPretrained(model);
  expected = await loaded.encode(TEXTS);
  loaded.dispose();
});

/** Shape and bytes of an array that numpy.load reads. */
function readNpy(path: string): { header: string; data: Buffer } {
  const bytes = readFileSync(path);
  expect(bytes.subarray(0, 8).toString("latin1")).toBe("\x93NUMPY\x01\x00");
  const end = 10 + bytes.readUInt16LE(8);
  expect(end % 64).toBe(0);
  return { header: bytes.toString("latin1", 10, end).trimEnd(), data: bytes.subarray(end) };
}

describe("ettin encode", () => {
  test("prints a line of JSON for each text", async () => {
    const { code, stdout, stderr } = await runCommand(["encode", model, ...TEXTS]);
    expect([code, stderr]).toEqual([0, ""]);
    const rows = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rows).toEqual(TEXTS.map((text, i) => ({ text, embedding: Array.from(expected[i]!) })));
  });

  test("reads lines that are piped in", async () => {
    const { code, stdout } = await runCommand(["encode", model], undefined, typing(TEXTS, false));
    expect(code).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).text),
    ).toEqual(TEXTS);
  });

  test("writes .npy and .safetensors that hold the vectors, and no file beside them", async () => {
    const folder = newFolder();
    const npy = join(folder, "a.npy");
    const result = await runCommand(["encode", model, "--input", passages, "--output", npy]);
    expect(result).toEqual({ code: 0, stdout: `3 vectors of 32: ${npy}\n`, stderr: "" });
    const { header, data } = readNpy(npy);
    expect(header).toBe("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 32), }");
    expect(data.equals(Buffer.concat(expected.map((each) => Buffer.from(each.buffer, each.byteOffset, 128))))).toBe(
      true,
    );

    await runCommand(["encode", model, "--input", passages, "--output", join(folder, "model.safetensors")]);
    const stored = (await openWeights(folder)).get("embeddings")!;
    expect([stored.dtype, stored.shape]).toEqual(["F32", [3, 32]]);
    expect(readdirSync(folder).sort()).toEqual(["a.npy", "model.safetensors"]);
  });

  test("as int8 and bits gives what encode gives", async () => {
    const loaded = await SentenceTransformer.fromPretrained(model);
    for (const [precision, type, width] of [
      ["int8", "|i1", 32],
      ["ubinary", "|u1", 4],
    ] as const) {
      const path = join(newFolder(), "a.npy");
      const { code, stderr } = await runCommand([
        "encode",
        model,
        ...TEXTS,
        "--output",
        path,
        "--precision",
        precision,
      ]);
      expect(code, stderr).toBe(0);
      const { header, data } = readNpy(path);
      expect(header).toContain(`'descr': '${type}'`);
      expect(header).toContain(`'shape': (3, ${width})`);
      const vectors = await loaded.encode(TEXTS, { precision });
      expect([...data]).toEqual(vectors.flatMap((each) => [...new Uint8Array(each.buffer, each.byteOffset, width)]));
    }
    loaded.dispose();
  });

  test("cuts and normalizes", async () => {
    const args = ["--truncate-dim", "4", "--normalize", "--text-column", "title,text"];
    const { stdout } = await runCommand(["encode", model, "--input", passages, ...args]);
    const [first] = stdout.split("\n").map((line) => line && JSON.parse(line));
    expect(first.text).toBe("The sea The sea is wide and grey.");
    expect(first.embedding).toHaveLength(4);
    expect(Math.hypot(...first.embedding)).toBeCloseTo(1, 6);
  });

  test.each<[string, string[], number, string]>([
    ["no text", [], 2, "needs texts: as arguments, with --input <path>, or piped in"],
    ["two sources", ["a", "--input", "x"], 2, "give texts or --input, not both"],
    ["an unknown ending", ["a", "--output", "x.bin"], 2, "has to end with .npy, .safetensors, .jsonl"],
    ["an unknown precision", ["a", "--precision", "int4"], 2, "float32, int8, uint8, binary or ubinary is needed"],
    ["an unknown column", ["--input", "PASSAGES", "--text-column", "txt"], 1, "the nearest is text"],
  ])("%s is an error", async (_, args, code, message) => {
    const result = await runCommand(["encode", model, ...args.map((arg) => (arg === "PASSAGES" ? passages : arg))]);
    expect([result.code, result.stdout]).toEqual([code, ""]);
    expect(result.stderr).toContain(message);
  });

  test("a row without a text is named with file and line, and leaves no file", async () => {
    const folder = newFolder();
    writeFileSync(join(folder, "rows.jsonl"), lines([{ text: "a" }, { text: null }]));
    const path = join(folder, "a.npy");
    const { code, stderr } = await runCommand([
      "encode",
      model,
      "--input",
      join(folder, "rows.jsonl"),
      "--output",
      path,
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('"text" is null, not a text in');
    expect(stderr).toContain("rows.jsonl, line 2");
    expect(readdirSync(folder)).toEqual(["rows.jsonl"]);
  });
});

describe("ettin index and ettin search", () => {
  test("find a passage by its own words", async () => {
    const folder = join(newFolder(), "index");
    const built = await runCommand(["index", model, passages, "--output", folder]);
    expect(built).toEqual({
      code: 0,
      stdout: `${folder}: 3 vectors added; exact, 32 dimensions, cosine\n`,
      stderr: "",
    });
    const { code, stdout, stderr } = await runCommand(["search", folder, TEXTS[1]!, "--k", "1"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe("1  1.0000  hill  A giant lives on the hill.\n");
  });

  test("JSON has the metadata, and a filter holds", async () => {
    const folder = join(newFolder(), "index");
    await runCommand(["index", model, passages, "--output", folder, "--metadata", "title", "--kind", "exact"]);
    const args = ["--json", "--filter", "title=The light"];
    const { stdout } = await runCommand(["search", folder, TEXTS[0]!, ...args]);
    expect(JSON.parse(stdout)).toEqual({
      query: TEXTS[0],
      hits: [{ id: "light", score: expect.any(Number), metadata: { title: "The light" } }],
    });
  });

  test("queries come from a file, from a pipe, or one after the other until an empty line", async () => {
    const folder = join(newFolder(), "index");
    await runCommand(["index", model, passages, "--output", folder]);
    const queries = join(newFolder(), "queries.jsonl");
    writeFileSync(queries, lines(TEXTS.map((query) => ({ query }))));
    const fromFile = await runCommand(["search", folder, "--queries", queries, "--k", "1"]);
    expect(fromFile.stdout).toBe(PASSAGES.map(({ id, text }) => `${text}\n1  1.0000  ${id}  ${text}\n\n`).join(""));
    const piped = await runCommand(["search", folder, "--k", "1"], undefined, typing(TEXTS, false));
    expect(piped.stdout).toBe(fromFile.stdout);
    const asked = await runCommand(["search", folder, "--k", "1"], undefined, typing([TEXTS[2]!, "", "never asked"]));
    expect(asked.stdout).toBe(`1  1.0000  light  ${TEXTS[2]}\n`);
    expect(asked.stderr).toBe("3 texts; an empty line ends it\n> > ");
  });

  test("called again, it adds what is new; --rebuild begins anew", async () => {
    const [folder, data] = [join(newFolder(), "index"), join(newFolder(), "rows.jsonl")];
    writeFileSync(data, lines(PASSAGES.slice(0, 2)));
    await runCommand(["index", model, data, "--output", folder]);
    writeFileSync(data, lines(PASSAGES.slice(1)));
    const more = await runCommand(["index", model, data, "--output", folder]);
    expect(more.stdout).toBe(`${folder}: 1 vectors added, 2 were there; exact, 32 dimensions, cosine\n`);
    const anew = await runCommand(["index", model, data, "--output", folder, "--rebuild", "--json"]);
    expect(JSON.parse(anew.stdout)).toMatchObject({ size: 2, added: 2, stopped: false });
  });

  test("stopped, it keeps what is there and ends with 130; called again, it goes on", async () => {
    const [folder, data] = [join(newFolder(), "index"), join(newFolder(), "rows.jsonl")];
    const rows = Array.from({ length: 4100 }, (_, i) => ({ id: `row ${i}`, text: `The sea has ${i} waves.` }));
    writeFileSync(data, lines(rows));
    const stop = new AbortController();
    let stdout = "";
    const code = await main(["index", model, data, "--output", folder, "--metadata", "none"], {
      write(text) {
        stdout += text;
      },
      writeError(text) {
        if (/rows, /.test(text)) stop.abort(); // as soon as it counts
      },
      interactive: true,
      signal: stop.signal,
    });
    expect(code).toBe(130);
    expect(stdout).toContain("stopped; the same command goes on\n");
    const { size } = await openIndex(folder);
    expect(size).toBeLessThan(4100);
    const rest = await runCommand(["index", model, data, "--output", folder, "--metadata", "none", "--json"]);
    expect(JSON.parse(rest.stdout)).toMatchObject({ size: 4100, added: 4100 - size, stopped: false });
  });

  test("another model's index is refused", async () => {
    const [folder, other] = [join(newFolder(), "index"), join(newFolder(), "other")];
    await saveSmallEncoder(other, 99);
    await runCommand(["index", model, passages, "--output", folder]);
    const wrong = await runCommand(["search", folder, "sea", "--model", other]);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain("was made by another model");
    const added = await runCommand(["index", other, passages, "--output", folder]);
    expect(added.stderr).toContain("was made by another model");
  });

  test.each<[string, string[], number, string]>([
    ["an index without an output", ["index", "MODEL", "PASSAGES"], 2, "ettin index needs --output"],
    ["an unknown id column", ["index", "MODEL", "PASSAGES", "--output", "x", "--id-column", "key"], 1, "no column"],
    ["a folder that is no index", ["search", "MODEL", "sea", "--model", "MODEL"], 1, "index.json"],
    ["a filter without =", ["search", "MODEL", "sea", "--filter", "a"], 2, "but key=value is needed"],
  ])("%s is an error", async (_, args, code, message) => {
    const names: Record<string, string> = { MODEL: model, PASSAGES: passages };
    const result = await runCommand(args.map((arg) => names[arg] ?? arg));
    expect(result.stderr).toContain(message);
    expect(result.code).toBe(code);
  });
});
