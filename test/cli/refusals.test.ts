/** Options that contradict each other or have no effect, and places where nothing can be written: before any work. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { saveSmallEncoder } from "../support/dense-model.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runCommand } from "../support/terminal.ts";
import { BPE } from "../support/tokenizers.ts";

const root = temporaryFolder();
const path = (name: string): string => join(root, name);
const [model, rows, pairs] = [path("model"), path("rows.jsonl"), path("pairs.jsonl")];
const lines = (values: readonly object[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join("");
writeFileSync(
  rows,
  lines([
    { id: 1, text: "The sea is wide." },
    { id: 2, text: "A giant lives here." },
  ]),
);
writeFileSync(pairs, lines(Array.from({ length: 12 }, (_, i) => ({ query: `Where is ${i}?`, positive: `At ${i}.` }))));
writeFileSync(path("bad.jsonl"), `${JSON.stringify({ text: "fine" })}\n{"text": \n`);
writeFileSync(path("empty.jsonl"), "");
writeFileSync(path("twice.jsonl"), lines(Array.from({ length: 3 }, (_, i) => ({ id: i % 2, text: `text ${i}` }))));
mkdirSync(path("folder.npy"));
beforeAll(() => saveSmallEncoder(model));

const command = (text: string, more: readonly string[] = []) =>
  runCommand([...text.split(" ").map((arg) => arg.replace(/(^|=)@/, `$1${root}/`)), ...more]);

test.each<[string, number, string]>([
  ["encode @model a --split train", 2, "--split has no effect without --input <path>"],
  ["encode @model a --text-column text", 2, "--text-column has no effect without --input <path>"],
  ["encode @model a --prompt x --prompt-name query", 2, "--prompt and --prompt-name are both given"],
  ["encode @nosuch a --as passage", 2, '--as is "passage", but query or document is needed'],
  ["encode @model --input @rows.jsonl --name part", 2, "rows.jsonl is a file, which has no parts"],
  ["encode @model --input @empty.jsonl", 1, "empty.jsonl has no rows"],
  ["encode @model --input @rows.jsonl --split train[5:9]", 1, 'has no rows in the split "train[5:9]"'],
  ["encode @model --input @bad.jsonl", 1, "Mend the file, or leave such rows out with --skip-bad."],
  ["encode @model a --output @none/a.npy", 2, "Make it first"],
  ["encode @model a --output @folder.npy", 2, "folder.npy is a folder. Name a file in it"],
  ["encode @model a --output @rows.jsonl/a.npy", 2, "rows.jsonl is a file, no folder"],
  ["mine @model @pairs.jsonl --output @none/hard.jsonl", 2, "Make it first"],
  ["index @model @rows.jsonl --output @rows.jsonl", 2, "rows.jsonl is a file. Name a folder"],
  ["index @model @rows.jsonl --output @rows.jsonl/a/b", 2, "which is a file. Name a folder"],
  [
    "index @model @twice.jsonl --output @twice",
    1,
    '"id" is "0" twice: in twice.jsonl, line 1 and in twice.jsonl, line 3',
  ],
  ["search @nosuch sea", 1, "there is no folder"],
  ["search @rows.jsonl sea", 1, "rows.jsonl is a file, but an index is a folder"],
  ["search @model sea --split train", 2, "--split has no effect without --queries <path>"],
  ["train dense @model @pairs.jsonl --evaluator retrieval", 2, "--evaluator has no effect without --eval-rows"],
  ["train dense @model @pairs.jsonl --best", 2, "--best has no effect without --eval-rows"],
  ["train dense @model @pairs.jsonl --steps 1 --epochs 1", 2, "--epochs and --steps are both given"],
  ["train dense @model @pairs.jsonl --epochs 0", 2, '--epochs is "0", but a number above 0 is needed'],
  [
    "train dense @model @pairs.jsonl --batch 2 --set perDeviceTrainBatchSize=4",
    2,
    "--batch and --set perDeviceTrainBatchSize",
  ],
  ["train dense @model @pairs.jsonl --output @rows.jsonl", 2, "rows.jsonl is a file. Name a folder"],
  ["train dense @model @pairs.jsonl --corpus @rows.jsonl", 2, "columns named …_id, but there are query, positive"],
  ["pretrain ettin-encoder-17m --data @rows.jsonl --eval-rows 3", 2, "--eval-rows has no effect without --eval-data"],
  ["pretrain ettin-encoder-17m --data pretrainng=@rows.jsonl", 2, "no phase pretrainng. Did you mean pretraining?"],
  ["pretrain ettin-encoder-17m --data decay=@rows.jsonl --data decay=@rows.jsonl", 2, "--data decay=… is given twice"],
  ["pretrain ettin-encoder-17m --plan --scale 0", 2, '--scale is "0", but a number above 0 is needed'],
  ["pretrain ettin-encoder-17m --data @rows.jsonl --output @rows.jsonl", 2, "rows.jsonl is a file. Name a folder"],
  ["data mix @chunks --tokens 5 --out @mix", 2, "--tokens is for sources with a share"],
  ["data mix @a=30% @b=20% --tokens 5 --out @mix", 2, "the shares are 50.0 % together, but a mixture is 100 %"],
  ["data mix @a=few --out @mix", 2, "folder=5e6, folder=40%"],
  ["data inspect @nosuch", 1, "there is no folder"],
  ["generate @nosuch a --temperature 0", 2, '--temperature is "0", but a number above 0 is needed'],
  ["generate @nosuch a --repetition-penalty 0", 2, '--repetition-penalty is "0", but a number above 0'],
  ["generate @nosuch a --stop=", 2, '--stop is ""'],
])("ettin %s is refused", async (text, code, message) => {
  const before = readdirSync(root);
  const result = await command(text);
  expect(result.stderr).toContain(message);
  expect([result.code, result.stdout]).toEqual([code, ""]);
  expect(result.stderr.trimEnd()).not.toContain("\n");
  expect(readdirSync(root)).toEqual(before); // nothing was begun
});

test("a folder's data sets of shards are named where it has none itself", async () => {
  const folder = mkdtempSync(path("shards-"));
  mkdirSync(join(folder, "train"));
  writeFileSync(join(folder, "train/index.json"), "{}");
  const { code, stderr } = await runCommand(["data", "inspect", folder]);
  expect(code).toBe(1);
  expect(stderr).toContain(`Run: ettin data inspect ${join(folder, "train")}`);
});

describe("an index that is there", () => {
  const index = path("index");
  const again = (...more: string[]) => command("index @model @rows.jsonl --output @index", more);

  test("keeps what it was made with, or is rebuilt", async () => {
    expect(await again("--metric", "dot")).toMatchObject({ code: 0 });
    expect(await again("--metric", "dot", "--storage", "float32", "--kind", "auto")).toMatchObject({ code: 0 });
    for (const [name, value, made] of [
      ["--metric", "cosine", "dot"],
      ["--storage", "int8", "float32"],
      ["--kind", "hnsw", "exact"],
    ] as const) {
      const { code, stderr } = await again(name, value);
      expect(code).toBe(2);
      expect(stderr).toBe(
        `ettin: ${name} is ${value}, but the index in ${index} was made with ${made}. Leave it out, or make the index anew: --rebuild\n`,
      );
    }
    const other = await again("--text-column", "id,text");
    expect(other.code).toBe(2);
    expect(other.stderr).toContain(`was made of text. Pass --text-column text, or make the index anew: --rebuild`);
    expect((await again("--metric", "cosine", "--rebuild")).stdout).toContain(
      "2 vectors added; exact, 32 dimensions, cosine",
    );
  });

  test("whose encoder.json is damaged says what to do", async () => {
    writeFileSync(join(index, "encoder.json"), "{");
    const { code, stderr } = await command("search @index sea");
    expect(code).toBe(1);
    expect(stderr).toContain("encoder.json names no model. Delete the file, and say the model");
  });

  test("a folder with an index.json of something else is refused before the model is loaded", async () => {
    const folder = mkdtempSync(path("other-"));
    writeFileSync(join(folder, "index.json"), '{"version": 2, "shards": []}');
    const { code, stderr } = await command(`index @nosuch @rows.jsonl --output ${folder} --rebuild`);
    expect(code).toBe(1);
    expect(stderr).toContain("index.json is there and is no index of Ettin. Write to a folder of its own.");
  });
});

test("a filter on a key that no item has is said", async () => {
  const made = await command("index @model @rows.jsonl --output @filtered");
  expect(made.code).toBe(0);
  expect(await command("search @filtered sea --filter txt=a")).toEqual({
    code: 0,
    stdout: "nothing found\n",
    stderr: "ettin: no item has txt, which --filter asks for; there is text\n",
  });
  expect(await command("search @filtered sea --filter text=a")).toMatchObject({
    stdout: "nothing found\n",
    stderr: "",
  });
});

test("a name that is no folder is said as it was typed", async () => {
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  vi.stubEnv("HF_HOME", path("cache"));
  const { code, stderr } = await command("encode nosuch a");
  vi.unstubAllEnvs();
  expect(code).toBe(1);
  expect(stderr).toContain('there is no folder nosuch here, and sentence-transformers/nosuch at "main" is not in');
});

test("--skip-bad leaves out rows that do not parse", async () => {
  const { code, stdout } = await command("encode @model --input @bad.jsonl --skip-bad");
  expect(code).toBe(0);
  expect(
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).text),
  ).toEqual(["fine"]);
});

test.each([
  ["data", "ettin data needs one more word. There is ettin data tokenize, chunk, mix, inspect."],
  ["data tokenise", 'ettin data has no command "tokenise". Did you mean ettin data tokenize?'],
  ["train", "ettin train needs one more word. There is ettin train dense."],
  ["help nosuch", 'there is no command "nosuch". See ettin --help'],
])("ettin %s names the commands there are", async (text, message) => {
  expect(await command(text)).toEqual({ code: 2, stdout: "", stderr: `ettin: ${message}\n` });
});

test.each(["help data", "data --help", "data -h"])("ettin %s shows the commands of the group", async (text) => {
  const { code, stdout } = await command(text);
  expect(code).toBe(0);
  expect(stdout).toContain("\n  data chunk");
  expect(stdout).not.toContain("doctor");
});

test("a text that begins with a dash goes behind --", async () => {
  const { code, stderr } = await runCommand(["fill-mask", "m", "-5 degrees"]);
  expect(code).toBe(2);
  expect(stderr).toBe(
    "ettin: ettin fill-mask has no option -5 degrees. See ettin fill-mask --help; a text that begins with a dash goes behind --, after the options\n",
  );
  expect((await runCommand(["fill-mask", path("nosuch"), "--", "-h"])).stderr).toContain("is no folder");
});

test("where an output may go is decided by its place alone", async () => {
  const folder = path("new/deep/er");
  const args = ["--tokenizer", BPE, "--out", folder, "--workers", "0"];
  expect(await runCommand(["data", "tokenize", rows, ...args])).toMatchObject({ code: 0 });
  expect(existsSync(folder)).toBe(true);
});
