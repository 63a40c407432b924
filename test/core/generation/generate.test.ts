import {
  type CausalModel,
  type GenerateOptions,
  generate,
  ModernBertDecoderForCausalLM,
  noGrad,
  streamTokens,
  tensorScope,
} from "@ettin/core";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { device, levels } from "../../support/devices.ts";
import { decoder, ids, packed, type TestDecoder, vocabulary } from "./decoder.ts";

const prompts = [ids(7, 1), ids(1, 2), ids(30, 3), ids(12, 4), ids(3, 5)];

/** The best continuation, each token from a pass over the whole sequence. */
async function byWholePasses(net: CausalModel, prompt: readonly number[], count: number): Promise<number[]> {
  const sequence = [...prompt];
  for (let i = 0; i < count; i++) {
    const scores = await tensorScope(() => [
      noGrad(() => net.logits(net.model.forward(packed([sequence])))).data(),
    ])[0]!;
    const last = Array.from(scores.subarray(-vocabulary));
    sequence.push(last.indexOf(Math.max(...last)));
  }
  return sequence.slice(prompt.length);
}

/** Each id must have the best score behind those before it, in one pass over the whole sequence. */
async function expectBest(net: CausalModel, prompt: readonly number[], chosen: readonly number[]): Promise<void> {
  const sequence = [...prompt, ...chosen];
  const scores = await tensorScope(() => [noGrad(() => net.logits(net.model.forward(packed([sequence])))).data()])[0]!;
  const words = net.config.vocabSize;
  for (const [i, id] of chosen.entries()) {
    const row = scores.subarray((prompt.length + i - 1) * words, (prompt.length + i) * words);
    expect(row[id], `new token ${i}`).toBeGreaterThan(Math.max(...row) - 1e-4);
  }
}

const idsOf = async (net: CausalModel, texts: readonly (readonly number[])[], options: GenerateOptions) =>
  (await generate(net, texts, options)).map((each) => Array.from(each.ids));

describe.each(levels)("generate on %s", (level) => {
  let net: TestDecoder;
  beforeAll(() => {
    net = decoder(device(level));
  });
  afterAll(() => net.dispose());

  test("takes the best token each time, as passes over whole sequences do, for prompts of any lengths", async () => {
    const got = await idsOf(net, prompts, { maxNewTokens: 24 });
    for (const [i, prompt] of prompts.entries()) expect(got[i]).toEqual(await byWholePasses(net, prompt, 24));
  });

  test("gives a prompt the same tokens alone and in a batch, with and without rules on the host", async () => {
    for (const options of [{}, { repetitionPenalty: 1.2, noRepeatNgramSize: 2 }]) {
      const together = await idsOf(net, prompts, { maxNewTokens: 15, ...options });
      for (const [i, prompt] of prompts.entries()) {
        expect(await idsOf(net, [prompt], { maxNewTokens: 15, ...options })).toEqual([together[i]]);
      }
    }
  });

  test("rules that change nothing leave the choice of the device and of the host the same", async () => {
    const never = { suppressTokens: [], logitsProcessors: [() => {}] };
    expect(await idsOf(net, prompts, { maxNewTokens: 20, ...never })).toEqual(
      await idsOf(net, prompts, { maxNewTokens: 20 }),
    );
  });

  test("ends each sequence at its own eos, which stays, and goes on with the others", async () => {
    const free = await idsOf(net, prompts, { maxNewTokens: 20 });
    const some = (id: number) => free.filter((each) => each.includes(id)).length;
    const eos = free.flat().filter((id) => some(id) === 2 || some(id) === 1); // which some sequences have, and not all
    eos.length = 2;
    for (const options of [{}, { logitsProcessors: [() => {}] }]) {
      const got = await generate(net, prompts, { maxNewTokens: 20, eosTokenId: eos, ...options });
      for (const [i, { ids, finishReason, prompt }] of got.entries()) {
        const end = free[i]!.findIndex((id) => eos.includes(id));
        expect(prompt).toBe(i);
        expect(finishReason).toBe(end < 0 ? "length" : "eos");
        expect(Array.from(ids)).toEqual(end < 0 ? free[i] : free[i]!.slice(0, end + 1));
      }
      expect(new Set(got.map((each) => each.finishReason)).size).toBe(2); // both kinds are among them
    }
  });

  test("counts lengths with and without the prompt", async () => {
    const lengths = async (options: GenerateOptions) =>
      (await idsOf(net, [ids(7, 1), ids(3, 1)], options)).map((each) => each.length);
    expect(await lengths({ maxNewTokens: 5 })).toEqual([5, 5]);
    expect(await lengths({ maxLength: 9 })).toEqual([2, 6]);
    expect(await lengths({ maxNewTokens: 4, maxLength: 9 })).toEqual([4, 4]);
    expect(await lengths({})).toEqual([20, 20]);
    const short = decoder(device(level), { positions: 16 });
    const got = await generate(short, [ids(7, 1), ids(3, 1)]);
    expect(got.map((each) => [each.ids.length, each.finishReason])).toEqual([
      [9, "length"],
      [13, "length"],
    ]);
    short.dispose();
  });

  test("an empty prompt stands for the bos token, and no prompt for nothing", async () => {
    expect(await idsOf(net, [[]], { maxNewTokens: 6 })).toEqual(await idsOf(net, [[1]], { maxNewTokens: 6 }));
    expect(await generate(net, [], {})).toEqual([]);
  });

  test("the same seed draws the same tokens, another seed others; several sequences of a prompt differ", async () => {
    const options = { doSample: true, maxNewTokens: 12, topK: 0, numReturnSequences: 3 };
    const first = await idsOf(net, prompts, { ...options, seed: 7 });
    expect(first.length).toBe(15);
    expect(await idsOf(net, prompts, { ...options, seed: 7 })).toEqual(first);
    expect(await idsOf(net, prompts, { ...options, seed: 8 })).not.toEqual(first);
    expect(new Set(first.map((each) => each.join())).size).toBe(15);
    const threads = decoder(device(level, 3));
    expect(await idsOf(threads, prompts, { ...options, seed: 7 })).toEqual(first);
    threads.dispose();
  });

  test("draws the same from the k best, which the device finds, as from all scores", async () => {
    const options = { doSample: true, maxNewTokens: 20, topK: 9, topP: 0.9, temperature: 1.3, seed: 3 };
    const fromDevice = await idsOf(net, prompts, options);
    expect(await idsOf(net, prompts, { ...options, logitsProcessors: [() => {}] })).toEqual(fromDevice);
  });

  test("streams each token with its sequence, and the reason with the last", async () => {
    const whole = await generate(net, prompts, { maxNewTokens: 6 });
    const streamed: number[][] = prompts.map(() => []);
    const reasons: (string | null)[][] = prompts.map(() => []);
    for await (const { sequence, id, finishReason } of streamTokens(net, prompts, { maxNewTokens: 6 })) {
      streamed[sequence]!.push(id);
      reasons[sequence]!.push(finishReason);
    }
    expect(streamed).toEqual(whole.map((each) => Array.from(each.ids)));
    for (const each of reasons) expect(each).toEqual([null, null, null, null, null, "length"]);
  });

  test("leaving the loop, a signal or the time end generation", async () => {
    const before = net.passes;
    for await (const token of streamTokens(net, [ids(4, 1)], { maxNewTokens: 1000 })) {
      expect(token.finishReason).toBe(null);
      break;
    }
    expect(net.passes - before).toBeLessThanOrEqual(3);

    const controller = new AbortController();
    const heard: number[] = [];
    for await (const { id, finishReason } of streamTokens(net, [ids(4, 1)], {
      maxNewTokens: 1000,
      signal: controller.signal,
    })) {
      heard.push(id);
      if (heard.length === 3) controller.abort();
      if (heard.length > 3) expect(finishReason).toBe("aborted");
    }
    expect(heard.length).toBe(4); // the step under way ends
    const [none] = await generate(net, [ids(4, 1)], { signal: controller.signal });
    expect(none).toEqual({ prompt: 0, ids: new Int32Array(0), finishReason: "aborted" });
    const [late] = await generate(net, [ids(4, 1)], { maxNewTokens: 1000, maxTime: 1e-6 });
    expect([late!.ids.length, late!.finishReason]).toEqual([1, "time"]);
  });

  test("beam search with one prompt or several finds sequences of higher probability than the best token each time", async () => {
    const logProbability = async (prompt: readonly number[], tokens: ArrayLike<number>) => {
      const sequence = [...prompt, ...Array.from(tokens)];
      const scores = await tensorScope(() => [
        noGrad(() => net.logits(net.model.forward(packed([sequence])))).data(),
      ])[0]!;
      let sum = 0;
      for (let t = prompt.length; t < sequence.length; t++) {
        const row = scores.subarray((t - 1) * vocabulary, t * vocabulary);
        sum += row[sequence[t]!]! - Math.log(Array.from(row).reduce((total, score) => total + Math.exp(score), 0));
      }
      return sum;
    };
    const greedy = await idsOf(net, prompts, { maxNewTokens: 8 });
    const beams = await generate(net, prompts, { maxNewTokens: 8, numBeams: 5, numReturnSequences: 2 });
    for (const [i, prompt] of prompts.entries()) {
      const [best, second] = beams.slice(2 * i, 2 * i + 2);
      const found = await logProbability(prompt, best!.ids);
      expect(best!.score).toBeCloseTo(found / 8, 4);
      expect(found).toBeGreaterThanOrEqual((await logProbability(prompt, greedy[i]!)) - 1e-4);
      expect(second!.score).toBeLessThanOrEqual(best!.score!);
      const [alone] = await generate(net, [prompt], { maxNewTokens: 8, numBeams: 5 });
      expect(Array.from(alone!.ids)).toEqual(Array.from(best!.ids));
    }
    const drawn = { maxNewTokens: 8, numBeams: 3, doSample: true, seed: 5 };
    expect(await idsOf(net, prompts, drawn)).toEqual(await idsOf(net, prompts, drawn));
  });
});

describe.each(levels)("steps that are replayed, on %s", (level) => {
  const on = device(level);
  const graphs = on.backend.graphs!;
  const replays = vi.spyOn(graphs, "run");
  const captures = vi.spyOn(graphs, "begin");
  beforeEach(() => {
    replays.mockClear();
    captures.mockClear();
  });
  afterAll(() => {
    for (const spy of [replays, captures]) spy.mockRestore();
  });

  test("are all but the first two and those where the model's tables of positions grow", async () => {
    const net = ModernBertDecoderForCausalLM.fromConfig(
      {
        ...{ vocabSize: 97, hiddenSize: 32, intermediateSize: 48, numHiddenLayers: 4, numAttentionHeads: 2 },
        ...{ localAttention: 16, initializerRange: 0.3 },
      },
      { seed: 3, device: on },
    );
    const prompt = ids(5, 1);
    const [got] = await idsOf(net, [prompt], { maxNewTokens: 140, eosTokenId: null });
    await expectBest(net, prompt, got!);
    expect([captures.mock.calls.length, replays.mock.calls.length]).toEqual([2, 140 - 5]); // grows behind 128
    net.dispose();
  });

  test("give the ids of single passes where the cache grows, sequences leave and ids are drawn", async () => {
    const long = decoder(on, { positions: 8192, windows: [null, 5] });
    const prompt = ids(4090, 7);
    const [got] = await idsOf(long, [prompt], { maxNewTokens: 20 });
    await expectBest(long, prompt, got!);
    expect(replays).toHaveBeenCalled();
    const free = await idsOf(long, prompts, { maxNewTokens: 20 });
    const eos = free[2]![5]!;
    const ended = (each: readonly number[]) => (each.includes(eos) ? each.slice(0, each.indexOf(eos) + 1) : each);
    expect(await idsOf(long, prompts, { maxNewTokens: 20, eosTokenId: eos })).toEqual(free.map(ended));
    replays.mockClear();
    const drawn = { maxNewTokens: 20, doSample: true, topK: 20, seed: 4 };
    const together = await idsOf(long, prompts, drawn);
    expect(replays).toHaveBeenCalled();
    expect((await idsOf(long, prompts.slice(0, 1), drawn))[0]).toEqual(together[0]);
    long.dispose();
  });
});

describe("generate's errors", () => {
  const net = decoder(device(levels[0]!), { positions: 16 });
  afterAll(() => net.dispose());
  const call = (options: object, texts: readonly (readonly number[])[] = [[5]]) => generate(net, texts, options);

  test.each([
    [{ maxNewToken: 5 }, "[generate] there is no option maxNewToken. The nearest is maxNewTokens"],
    [{ max_new_tokens: 5 }, "[generate] there is no option max_new_tokens. The nearest is maxNewTokens"],
    [
      { doSample: true, temperature: 0 },
      "[generate] temperature is 0. It has to be a number above 0; for the best token each time set doSample: false",
    ],
    [{ temperature: -1 }, "[generate] temperature is -1. It has to be a number above 0"],
    [{ temperature: Number.NaN }, "[generate] temperature is NaN. It has to be a number above 0"],
    [{ topP: 1.5 }, "[generate] topP is 1.5. It has to be a number from 0 to 1"],
    [{ maxNewTokens: 0 }, "[generate] maxNewTokens is 0. It has to be a whole number from 1 on"],
    [
      { badWordsIds: [[]] },
      "[generate] badWordsIds is [[]]. It has to be a list of lists of token ids, none of them empty",
    ],
    [{ badWordsIds: [[61]] }, "[generate] badWordsIds holds 61, but there are 61 ids"],
    [{ numReturnSequences: 2 }, "[generate] numReturnSequences is 2, and the best continuation is always the same"],
    [{ numReturnSequences: 3, numBeams: 2 }, "[generate] numReturnSequences is 3, but numBeams is 2"],
    [
      { suppressTokens: [4], forcedEosTokenId: 4 },
      "[generate] suppressTokens rules out 4, which forcedEosTokenId forces",
    ],
    [{ stopStrings: ["a"] }, "[generate] texts were given but no tokenizer. Pass { tokenizer }"],
    [{ seed: -1 }, "[generate] seed is -1"],
    [{ logitsProcessors: 5 as never }, "[generate] logitsProcessors is no list of functions. Pass [(scores, history)"],
    [{ maxLength: 1 }, "[generate] prompt 0 has 1 tokens, but maxLength is 1, prompt included"],
  ])("%o: names the option and the value", async (options, message) => {
    await expect(call(options)).rejects.toThrow(message);
  });

  test("are not about a temperature of 0 where nothing is drawn", async () => {
    const best = await call({ maxNewTokens: 3 });
    for (const options of [{ temperature: 0 }, { temperature: 0, doSample: false }, { temperature: 0, numBeams: 1 }]) {
      expect(await call({ ...options, maxNewTokens: 3 })).toEqual(best);
    }
  });

  test("name the prompt that does not fit", async () => {
    await expect(call({}, [[5], [61]])).rejects.toThrow("id 61 at place 0 of prompt 1 is not in the vocabulary");
    await expect(call({}, [ids(16, 1)])).rejects.toThrow("prompt 0 has 16 tokens, but the model takes 16");
    await expect(call({ bosTokenId: null }, [[]])).rejects.toThrow("prompt 0 is empty and there is no bos token");
    await expect(call({}, null as never)).rejects.toThrow("the prompts are no texts, lists of ids or packed batch");
    await expect(generate(net, "text")).rejects.toThrow("texts were given but no tokenizer");
    expect(() => streamTokens(net, [[5]], { numBeams: 2 })).toThrow("[streamTokens] numBeams is 2");
  });

  test("a sequence that has nothing left to choose is named", async () => {
    const all = Array.from({ length: vocabulary }, (_, id) => id);
    await expect(call({ suppressTokens: all })).rejects.toThrow(
      "every score of new token 0 of sequence 0 is NaN or ruled out",
    );
  });
});
