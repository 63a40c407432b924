import { join } from "node:path";
import { MdsWriter, openMds } from "@ettin/core";
import { type MixOptions, mix } from "@ettin/pretrain";
import { beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";

const root = temporaryFolder();
const source = (name: string) => join(root, "sources", name);
let made = 0;
const run = async (options: Omit<MixOptions, "folder">, folder = join(root, String(made++))) => ({
  result: await mix({ folder, ...options }),
  folder,
});

async function ids(folder: string): Promise<string[]> {
  const reader = await openMds(folder);
  const found = [...reader].map(({ id }) => id as string);
  reader.close();
  return found;
}

/** Folders of rows of 10 tokens each. */
async function makeSource(
  name: string,
  folders: number,
  rows: number,
  compression: string | null = null,
): Promise<void> {
  for (let f = 0; f < folders; f++) {
    const columns = { id: "str", input_ids: "ndarray:uint32" };
    const writer = new MdsWriter(join(source(name), `0000${f}`), { columns, compression });
    for (let i = 0; i < rows; i++)
      await writer.write({ id: `${name}-${f}-${i}`, input_ids: new Uint32Array(10).fill(i) });
    await writer.finish();
  }
}

beforeAll(async () => {
  await makeSource("web", 6, 20); // 200 tokens in each folder
  await makeSource("books", 2, 30, "gz"); // 300 tokens in each
});

describe("mix by folders", () => {
  test("takes whole folders until the target, at most one too many", async () => {
    const { result, folder } = await run({ sources: { web: { path: source("web"), tokens: 500 } } });
    expect(result.web).toEqual({ folders: 3, repeated: 0, tokens: 600, validationTokens: 0 });
    const found = await ids(join(folder, "train"));
    expect(found).toHaveLength(60);
    expect(new Set(found).size).toBe(60);
  });

  test("repeats folders of a source that is too small", async () => {
    const { result, folder } = await run({ sources: { books: { path: source("books"), tokens: 1300 } } });
    expect(result.books).toEqual({ folders: 5, repeated: 3, tokens: 1500, validationTokens: 0 });
    const found = await ids(join(folder, "train"));
    expect(found).toHaveLength(150);
    expect(new Set(found).size).toBe(60);
  });

  test("shares a total, and decompresses", async () => {
    const sources = { web: { path: source("web"), ratio: 0.4 }, books: { path: source("books"), ratio: 0.6 } };
    const { result, folder } = await run({ sources, tokens: 1000 });
    expect([result.web!.tokens, result.books!.tokens]).toEqual([400, 600]);
    const reader = await openMds(join(folder, "train"));
    expect(reader.length).toBe(100);
    expect(reader.encodings).toEqual({ id: "str", input_ids: "ndarray:uint32" });
    reader.close();
  });

  test("everything, where no target is given", async () => {
    const { result } = await run({ sources: { web: { path: source("web") }, books: { path: source("books") } } });
    expect([result.web!.tokens, result.books!.tokens]).toEqual([1200, 600]);
  });

  test("the same seed draws the same, another one otherwise", async () => {
    const sources = { web: { path: source("web"), tokens: 400 } };
    const drawn = async (seed?: number) =>
      (await ids(join((await run({ sources, ...(seed === undefined ? {} : { seed }) })).folder, "train")))
        .sort()
        .join();
    expect(await drawn()).toBe(await drawn(42));
    const others = await Promise.all([1, 2, 3, 4].map(drawn));
    expect(new Set(others).size).toBeGreaterThan(1);
  });
});

describe("mix by documents", () => {
  test("meets the target to a document, in random order", async () => {
    const { result, folder } = await run({ by: "documents", sources: { web: { path: source("web"), tokens: 255 } } });
    expect(result.web!.tokens).toBe(260);
    const found = await ids(join(folder, "train"));
    expect(found).toHaveLength(26);
    expect(found).not.toEqual([...found].sort());
  });

  test("goes over a source again that is too small", async () => {
    const { result, folder } = await run({
      by: "documents",
      sources: { books: { path: source("books"), tokens: 900 } },
    });
    expect(result.books).toMatchObject({ repeated: 1, tokens: 900 });
    expect(new Set(await ids(join(folder, "train"))).size).toBe(60);
  });
});

describe("validation", () => {
  test("keeps rows of one folder, which are never trained on", async () => {
    const sources = { web: { path: source("web"), tokens: 2000 } }; // repeated: the source has 1,200
    const { result, folder } = await run({ sources, validation: 0.05 });
    expect(result.web!.validationTokens).toBe(100);
    const [train, held] = [await ids(join(folder, "train")), await ids(join(folder, "validation"))];
    expect(held).toHaveLength(10);
    expect(new Set(held.map((id) => id.split("-")[1])).size).toBe(1);
    expect(train.filter((id) => held.includes(id))).toEqual([]);
    expect(new Set(train).size).toBe(110);
  });

  test("of a source of its own share, and an error where the folder is too small", async () => {
    const sources = { web: { path: source("web"), validation: 0 }, books: { path: source("books"), validation: 0.1 } };
    const { folder } = await run({ sources, validation: 0.5 });
    expect((await ids(join(folder, "validation"))).every((id) => id.startsWith("books"))).toBe(true);
    await expect(run({ sources: { web: { path: source("web") } }, validation: 0.5 })).rejects.toThrow(
      /validation takes 600 tokens of source "web", but its folder .*0000\d, which was drawn for that, has 200/,
    );
  });
});

test("a mixture that was stopped goes on, and refuses other settings", async () => {
  const sources = { web: { path: source("web") }, books: { path: source("books") } };
  const stop = new AbortController();
  const folder = join(root, "stopped");
  await expect(run({ sources, signal: stop.signal, onSource: () => stop.abort() }, folder)).rejects.toThrow();
  await expect(openMds(join(folder, "train"))).rejects.toThrow("has no index.json");
  await run({ sources }, folder);
  expect(await ids(join(folder, "train"))).toHaveLength(180);
  await expect(run({ sources, seed: 1 }, folder)).rejects.toThrow("was begun with seed 42, but it is 1 now");
});

test.each<[Omit<MixOptions, "folder">, string]>([
  [{ sources: {} }, "there are no sources"],
  [{ sources: { "../x": { path: "x" } } }, "has a name that is no folder's"],
  [{ sources: { a: { path: "x", tokens: 1, ratio: 1 } } }, "has both tokens and ratio"],
  [{ sources: { a: { path: "x", ratio: 0.5 } } }, "the mixture has no tokens"],
  [{ sources: { a: { path: "x", ratio: 0.7 }, b: { path: "x", ratio: 0.7 } }, tokens: 1 }, "the ratios are 1.4"],
  [{ sources: { a: { path: "x", validation: 1 } } }, "is 1. Give a share below 1"],
  [{ sources: { a: { path: "/nowhere" } } }, "/nowhere"],
])("%j is refused", async (options, message) => {
  await expect(run(options)).rejects.toThrow(message);
});
