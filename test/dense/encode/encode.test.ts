import { rangesOf } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { openModel } from "../../support/dense-fixture.ts";
import { tinyModelFolder } from "../../support/tiny-encoder.ts";

const folder = await tinyModelFolder();
const TEXTS = Array.from({ length: 300 }, (_, i) => `${"Rain fell on the hills. ".repeat((i * 7) % 11)}${i}`);

describe("many texts", () => {
  test("have the embedding that each has alone, in their order", async () => {
    const model = await openModel(folder);
    const all = await model.encode(TEXTS);
    for (const i of [0, 1, 10, 150, 299]) expect(all[i]).toEqual(await model.encode(TEXTS[i]!));
  });

  test("may be asked for by many at once", async () => {
    const model = await openModel(folder);
    const all = await model.encode(TEXTS);
    const parts = await Promise.all(TEXTS.slice(0, 20).map((_, i) => model.encode(TEXTS.slice(15 * i, 15 * i + 15))));
    expect(parts.flat()).toEqual(all);
  });

  test("leave the event loop its turns", async () => {
    const model = await openModel(folder);
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await model.encode([...TEXTS, ...TEXTS]);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
  });

  test("are told of as they are done", async () => {
    const model = await openModel(folder);
    const seen: number[] = [];
    await model.encode(TEXTS, { maxTokensPerBatch: 1024, onProgress: ({ done, total }) => seen.push(done / total) });
    expect(seen.length).toBeGreaterThan(3);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
    expect(seen.at(-1)).toBe(1);
  });

  test("stop at a signal, with its reason", async () => {
    const model = await openModel(folder);
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("enough"));
    const running = model.encode([...TEXTS, ...TEXTS, ...TEXTS], { signal: controller.signal, onProgress });
    await expect(running).rejects.toThrow("enough");
  });
});

describe("what is no text or no number is named", () => {
  test.each([
    [[null as unknown as string], {}, "[encode] text 0 is null, not a text"],
    [["a", 3 as unknown as string], {}, "text 1 is a number"],
    [["a"], { batchSize: 0 }, "batchSize is 0"],
    [["a"], { maxTokensPerBatch: 1.5 }, "maxTokensPerBatch is 1.5"],
    [["a"], { truncateDim: 0 }, "truncateDim is 0"],
    [["a"], { promptName: "passage" }, 'there is no prompt named "passage"'],
    [["a"], { precision: "int4" as "int8" }, 'precision "int4" is unknown'],
    [["a"], { outputValue: "token_embeddings", precision: "int8" }, "Leave one out"],
  ] as const)("%j %j", async (texts, options, message) => {
    const model = await openModel(folder);
    await expect(model.encode(texts, options)).rejects.toThrow(message);
  });
});

describe("encodeStream", () => {
  async function* lines() {
    for (const text of TEXTS) yield text;
  }

  test("yields batches in order, with the embeddings of encode", async () => {
    const model = await openModel(folder, { prompts: { document: "text: " } });
    const all = await model.encodeDocument(TEXTS);
    const sizes: number[] = [];
    for await (const { start, texts, embeddings } of model.encodeStream(lines(), {
      textsPerBatch: 128,
      task: "document",
    })) {
      sizes.push(texts.length);
      expect(texts).toEqual(TEXTS.slice(start, start + texts.length));
      expect(embeddings).toEqual(all.slice(start, start + texts.length));
    }
    expect(sizes).toEqual([128, 128, 44]);
  });

  test("takes plain iterables, and an empty one yields nothing", async () => {
    const model = await openModel(folder);
    const found: number[] = [];
    for await (const { embeddings } of model.encodeStream(new Set(["a", "b"]))) found.push(embeddings.length);
    for await (const { embeddings } of model.encodeStream([])) found.push(embeddings.length);
    expect(found).toEqual([2]);
  });

  test("reads no further than two batches ahead, and closes its source when the loop is left", async () => {
    const model = await openModel(folder);
    let [read, closed] = [0, false];
    function* source() {
      try {
        for (const text of TEXTS) {
          read++;
          yield text;
        }
      } finally {
        closed = true;
      }
    }
    for await (const { start } of model.encodeStream(source(), { textsPerBatch: 10 })) if (start === 20) break;
    expect(read).toBeLessThanOrEqual(40);
    expect(closed).toBe(true);
  });

  test("of 8 bits needs ranges", async () => {
    const model = await openModel(folder);
    expect(() => model.encodeStream(TEXTS, { precision: "int8" })).toThrow("Pass ranges");
    const ranges = await rangesOf(await model.encode(TEXTS));
    const whole = await model.encode(TEXTS, { precision: "int8" });
    for await (const { start, embeddings } of model.encodeStream(TEXTS, {
      precision: "int8",
      ranges,
      textsPerBatch: 99,
    })) {
      expect(embeddings[0]).toEqual(whole[start]);
    }
  });

  test("passes on the failure of its source, and the reason of its signal", async () => {
    const model = await openModel(folder);
    async function* broken() {
      yield "a";
      throw new Error("the disk is gone");
    }
    const consume = async (texts: AsyncIterable<string>, signal?: AbortSignal) => {
      for await (const _ of model.encodeStream(texts, { textsPerBatch: 1, ...(signal && { signal }) }));
    };
    await expect(consume(broken())).rejects.toThrow("the disk is gone");
    await expect(consume(lines(), AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
  });
});
