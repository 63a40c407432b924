/** Texts in and out: prompts, pieces of a stream, stop strings. */
import { type GenerateOptions, generate, type Prompts, type ScoreProcessor, streamText, Tokenizer } from "@ettin/core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { device, levels } from "../../support/devices.ts";
import { BPE, fixture, UNIGRAM, WORD_PIECE } from "../../support/tokenizers.ts";
import { decoder, type TestDecoder } from "./decoder.ts";

/** A processor that makes the model say these ids. */
const say =
  (ids: ArrayLike<number>): ScoreProcessor =>
  (scores, { length, promptLength }) => {
    scores.fill(Number.NEGATIVE_INFINITY);
    scores[ids[length - promptLength]!] = 0;
  };

let tokenizer: Tokenizer;
let net: TestDecoder;
beforeAll(async () => {
  tokenizer = await Tokenizer.fromFolder(BPE);
  net = decoder(device(levels[0]!), { vocabSize: 4200, windows: [null] });
});
afterAll(() => net.dispose());

describe("streamText", () => {
  test.each(fixture.streams.map((each) => [each.text, each] as const))(
    "yields %j in the pieces of transformers' TextStreamer",
    async (_, { ids, pieces }) => {
      const got: string[] = [];
      const options = { maxNewTokens: ids.length, logitsProcessors: [say(ids)] };
      for await (const piece of streamText(net, tokenizer, "A prompt", { ...options, eosTokenId: null }))
        got.push(piece);
      expect(got).toEqual(pieces.filter((piece) => piece !== ""));
    },
  );

  test("leaves special tokens out where nothing else is asked", async () => {
    const { eos = tokenizer.specialTokens.sep } = tokenizer.specialTokens;
    const ids = [...tokenizer.encode("two words", { addSpecialTokens: false }).ids, eos!.id];
    const text = async (options: object) => {
      let whole = "";
      const all = {
        maxNewTokens: 20,
        eosTokenId: eos!.id,
        logitsProcessors: [say(ids)],
        addSpecialTokens: false,
        ...options,
      };
      for await (const piece of streamText(net, tokenizer, "A prompt", all)) whole += piece;
      return whole;
    };
    expect(await text({})).toBe("two words");
    expect(await text({ skipSpecialTokens: false })).toBe(`two words${eos!.token}`);
  });

  test("one text at a time", () => {
    const options = { doSample: true, numReturnSequences: 2 };
    expect(() => streamText(net, tokenizer, "A prompt", options)).toThrow("[streamText] numReturnSequences is 2");
  });
});

describe("generate with a tokenizer", () => {
  test("takes texts and gives texts", async () => {
    const ids = tokenizer.encode(" and so on", { addSpecialTokens: false }).ids;
    const options = { tokenizer, maxNewTokens: ids.length, logitsProcessors: [say(ids)], eosTokenId: null };
    const got = await generate(net, ["One", "Two prompts"], options);
    expect(got.map((each) => each.text)).toEqual([" and so on", " and so on"]);
    expect(Array.from(got[0]!.ids)).toEqual(Array.from(ids));
  });

  test("puts the special tokens around a prompt that the tokenizer does, unless told not to", async () => {
    const lengths: number[] = [];
    const count: ScoreProcessor = (_, { promptLength }) => void lengths.push(promptLength);
    for (const addSpecialTokens of [true, false]) {
      await generate(net, "One", { tokenizer, maxNewTokens: 1, logitsProcessors: [count], addSpecialTokens });
    }
    expect(lengths).toEqual([
      tokenizer.encode("One").ids.length,
      tokenizer.encode("One", { addSpecialTokens: false }).ids.length,
    ]);
  });
});

describe("a prompt that the tokenizer ends in an eos", () => {
  const sep = () => tokenizer.specialTokens.sep!.id;
  const noticesOf = async (prompts: Prompts, options: GenerateOptions = {}) => {
    const notices: string[] = [];
    const onNotice = (notice: string) => void notices.push(notice);
    await generate(net, prompts, { tokenizer, maxNewTokens: 1, eosTokenId: [7, sep()], onNotice, ...options });
    return notices;
  };

  test("is noticed, with the token and the way out", async () => {
    expect(await noticesOf("Once")).toEqual([
      `[generate] the tokenizer ends a prompt in [SEP] (${sep()}), an eos of this model, which continues behind an end. ` +
        "Set addSpecialTokens: false to continue the text.",
    ]);
    const notices: string[] = [];
    const onNotice = (notice: string) => void notices.push(notice);
    for await (const _ of streamText(net, tokenizer, "Once", { maxNewTokens: 1, eosTokenId: sep(), onNotice }));
    expect(notices).toEqual([expect.stringContaining("[streamText] the tokenizer ends a prompt in [SEP]")]);
  });

  test("is not where the caller has chosen, the prompt is ids, or [SEP] ends nothing", async () => {
    expect(await noticesOf("Once", { addSpecialTokens: false })).toEqual([]);
    expect(await noticesOf("Once", { addSpecialTokens: true })).toEqual([]);
    expect(await noticesOf("Once", { eosTokenId: 7 })).toEqual([]);
    expect(await noticesOf([[5, sep()]])).toEqual([]);
  });

  test("warns the process once for a tokenizer where nobody takes notices", async () => {
    const own = await Tokenizer.fromFolder(BPE);
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    for (const text of ["One", "Two"])
      await generate(net, text, { tokenizer: own, maxNewTokens: 1, eosTokenId: sep() });
    expect(warn.mock.calls).toEqual([[expect.stringContaining("ends a prompt in [SEP]"), "Generation"]]);
  });
});

describe.each([
  ["byte-level BPE", BPE],
  ["WordPiece", WORD_PIECE],
  ["Unigram", UNIGRAM],
])("stop strings with %s", (_, folder) => {
  const said = "Answer: forty-two.\nQuestion: what is it, then? 東京 naïve 🙂 STOPPED here, unstoppable.";

  test.each([
    ["two."],
    ["."],
    ["\nQ", "then"],
    ["rty"],
    ["Question: what is it"],
    ["ï"],
    ["🙂"],
    ["京 na"],
    ["STOP"],
    ["stop"],
    ["rompt"],
    ["rompt Ans"],
    ["not there at all"],
  ])("%j: end the text at the first token after which it is there", async (...stopStrings) => {
    const own = await Tokenizer.fromFolder(folder);
    const prompt = Array.from(own.encode("A prompt", { addSpecialTokens: false }).ids);
    const ids = Array.from(own.encode(said, { addSpecialTokens: false }).ids);

    // What must come out: the text of all tokens, looked at anew after each one.
    const textOf = (count: number) => own.decode([...prompt, ...ids.slice(0, count)]);
    const complete = (text: string) => text.replace(/\uFFFD+$/, ""); // without a character that is half there
    const ends = (count: number) => {
      const [before, now] = [complete(textOf(count - 1)), textOf(count)];
      return stopStrings.some((stop) => now.lastIndexOf(stop) + stop.length > before.length && now.includes(stop));
    };
    let expected = 1;
    while (expected < ids.length && !ends(expected)) expected++;
    const stopped = ends(expected);

    const [got] = await generate(net, [prompt], {
      ...{ tokenizer: own, stopStrings, maxNewTokens: ids.length, eosTokenId: null },
      logitsProcessors: [say(ids)],
    });
    expect([got!.ids.length, got!.finishReason]).toEqual([expected, stopped ? "stop" : "length"]);
    if (stopStrings[0] === "not there at all") expect(stopped).toBe(false);
  });
});
