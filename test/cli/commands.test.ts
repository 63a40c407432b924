import { cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ModernBertConfig, ModernBertDecoderForCausalLM, ModernBertForMaskedLM, Tokenizer } from "@ettin/core";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { runCommand } from "../support/terminal.ts";
import { BPE } from "../support/tokenizers.ts";

const root = temporaryFolder();
const encoder = join(root, "encoder");
const decoder = join(root, "decoder");
let tokenizer: Tokenizer;

beforeAll(async () => {
  tokenizer = await Tokenizer.fromFolder(BPE);
  const shape: Partial<ModernBertConfig> = {
    vocabSize: tokenizer.vocabSize,
    hiddenSize: 32,
    intermediateSize: 48,
    numHiddenLayers: 2,
    numAttentionHeads: 2,
    maxPositionEmbeddings: 128,
  };
  for (const [Model, folder] of [
    [ModernBertForMaskedLM, encoder],
    [ModernBertDecoderForCausalLM, decoder],
  ] as const) {
    const model = Model.fromConfig(shape, { seed: 3 });
    await model.savePretrained(folder);
    model.dispose();
    cpSync(BPE, folder, { recursive: true });
  }
});
afterEach(() => vi.unstubAllEnvs());

describe("ettin fill-mask", () => {
  test("prints the best tokens with their probabilities, best first", async () => {
    const { code, stdout, stderr } = await runCommand(["fill-mask", encoder, "One [MASK] more.", "--top-k", "3"]);
    expect([code, stderr]).toEqual([0, ""]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toMatch(/^0\.\d{4} {2}".*" +One.*more\.$/);
    const values = lines.map((line) => Number(line.slice(0, 6)));
    expect(values).toEqual([...values].sort((a, b) => b - a));
  });

  test("as JSON has every mask, with probabilities of the whole vocabulary", async () => {
    const all = String(tokenizer.vocabSize);
    const { stdout } = await runCommand(["fill-mask", encoder, "[MASK] and [MASK]", "--json", "--top-k", all]);
    const { masks } = JSON.parse(stdout) as { masks: { token: string; id: number; score: number }[][] };
    expect(masks).toHaveLength(2);
    for (const candidates of masks) {
      expect(candidates).toHaveLength(tokenizer.vocabSize);
      expect(candidates.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 4);
      expect(candidates[0]!.token).toBe(tokenizer.decode([candidates[0]!.id]));
    }
  });

  test.each<[string[], number, string]>([
    [["no mask here"], 1, "the text has no mask. Write [MASK] where a token is to be found."],
    [["[MASK]", "--top-k", "0"], 2, '--top-k is "0", but a whole number from 1 is needed'],
    [["[MASK]", "--dtype", "int8"], 2, '--dtype is "int8", but float32 or bfloat16 is needed'],
    [[`[MASK] ${"word ".repeat(200)}`], 1, "128"],
  ])("%j fails", async (args, code, message) => {
    const result = await runCommand(["fill-mask", encoder, ...args]);
    expect([result.code, result.stdout]).toEqual([code, ""]);
    expect(result.stderr).toContain(message);
    expect(result.stderr.trimEnd()).not.toContain("\n");
  });

  test("runs in bfloat16", async () => {
    expect((await runCommand(["fill-mask", encoder, "One [MASK]", "--dtype", "bfloat16"])).code).toBe(0);
  });
});

describe("ettin generate", () => {
  const generated = (...args: string[]) =>
    runCommand(["generate", decoder, "Two readers", "--no-special-tokens", ...args]);

  test("writes pieces as they come, then a line's end", async () => {
    const pieces: string[] = [];
    const { code, stdout, stderr } = await runCommand(
      ["generate", decoder, "Two readers", "--max-new-tokens", "12", "--no-special-tokens"],
      (text) => pieces.push(text),
    );
    expect([code, stderr]).toEqual([0, ""]);
    expect(pieces.length).toBeGreaterThan(2);
    expect(stdout.endsWith("\n")).toBe(true);
    expect(stdout).toBe((await generated("--max-new-tokens", "12")).stdout); // greedy repeats
  });

  test("a seed repeats a draw, another one draws otherwise", async () => {
    const draw = async (seed: string) =>
      (await generated("--seed", seed, "--temperature", "2", "--max-new-tokens", "10")).stdout;
    expect(await draw("1")).toBe(await draw("1"));
    expect(await draw("1")).not.toBe(await draw("2"));
  });

  test("ends before a stop text", async () => {
    const whole = (await generated("--max-new-tokens", "12")).stdout.trimEnd();
    const word = whole
      .trim()
      .split(/\s+/)
      .find((each) => each.length > 2)!;
    const { stdout } = await generated("--max-new-tokens", "12", "--stop", word, "--stop", "never there");
    expect(stdout).toBe(`${whole.slice(0, whole.indexOf(word))}\n`);
  });

  test("says that a prompt ends in an eos, and how to leave it out", async () => {
    const folder = join(root, "ending");
    cpSync(decoder, folder, { recursive: true });
    const { id } = tokenizer.specialTokens.sep!;
    writeFileSync(join(folder, "generation_config.json"), JSON.stringify({ eos_token_id: id }));
    const run = (...args: string[]) => runCommand(["generate", folder, "Two", "--max-new-tokens", "1", ...args]);
    expect((await run()).stderr).toBe(
      `ettin: [streamText] the tokenizer ends a prompt in [SEP] (${id}), an eos of this model, which continues behind ` +
        "an end. Pass --no-special-tokens to continue the text.\n",
    );
    expect((await run("--no-special-tokens")).stderr).toBe("");
  });

  test("Ctrl-C ends it with what is there, and exit code 130", async () => {
    const { code, stdout } = await runCommand(["generate", decoder, "Two", "--max-new-tokens", "100"], (_, stop) =>
      stop(),
    );
    expect(code).toBe(130);
    expect(stdout.length).toBeGreaterThan(0);
    expect(stdout.length).toBeLessThan((await generated("--max-new-tokens", "100")).stdout.length);
  });

  test.each<[string[], string]>([
    [["--temperature", "hot"], '--temperature is "hot"'],
    [["--top-p", "2"], '--top-p is "2", but a number from 0 to 1 is needed'],
    [["--max-new-tokens", "0"], "a whole number from 1"],
    [["--tempreature", "1"], "Did you mean --temperature?"],
  ])("%j is a wrong command line", async (args, message) => {
    const { code, stderr } = await generated(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

describe("ettin info", () => {
  test("of a named shape needs no file", async () => {
    const { code, stdout } = await runCommand(["info", "ettin-encoder-150m"]);
    expect(code).toBe(0);
    expect(stdout).toContain("layers      22 (8 global, 14 with a window of 128 tokens)\n");
    expect(stdout).toContain("parameters  150 million (149,655,232)\n");
    expect(stdout).toContain("weights               599 MB   299 MB\n"); // 4 and 2 bytes a parameter
  });

  test("of a folder counts what its files hold", async () => {
    const { stdout } = await runCommand(["info", encoder, "--json", "--tokens", "10"]);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      modelType: "modernbert",
      kind: "encoder",
      architectures: ["ModernBertForMaskedLM"],
      layers: 2,
      hiddenSize: 32,
      vocabSize: tokenizer.vocabSize,
      stored: { dtypes: ["F32"], bytes: 4 * report.parameters },
    });
    // D 32, A + O = 4 D, G = 144: P weights, 10 tokens of 4 bytes
    expect(report.memory.float32.run).toBe(4 * report.parameters + 10 * 4 * (4 * 32 + 144));
    const layer = 8 * 32 + 144; // of which training keeps all but two times D and once I, 48
    const { train, trainCheckpointing } = report.memory.float32;
    const others = report.parameters - 32 * tokenizer.vocabSize; // their gradients come as the activations of two layers go
    const kept = 10 * 4 * 2 * (layer - 2 * 32 - 48);
    expect(train).toBe(16 * report.parameters + Math.max(kept - 4 * others, 0) + 10 * 4 * layer);
    const inputs = 10 * 4 * 2 * 32; // of both layers, which go as well
    expect(trainCheckpointing).toBe(
      16 * report.parameters + Math.max(inputs - 4 * others, 0) + 8 * others + 10 * 4 * layer,
    );
    expect(report.memory.bfloat16.weights).toBe(2 * report.parameters);
  });

  test.each<[string, (folder: string) => void, string]>([
    [
      "an unknown kind",
      (f) => writeFileSync(join(f, "config.json"), '{"model_type": "gpt2"}'),
      'is "gpt2". Known kinds are',
    ],
    ["a damaged configuration", (f) => writeFileSync(join(f, "config.json"), "{"), "config.json: "],
    ["no weights", (f) => rmSync(join(f, "model.safetensors")), "has neither model.safetensors nor"],
  ])("of a folder with %s fails by name", async (name, change, message) => {
    const folder = join(root, name);
    cpSync(encoder, folder, { recursive: true });
    change(folder);
    const { code, stderr } = await runCommand(["info", folder]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});

describe("--device", () => {
  const on = (device: string) => runCommand(["fill-mask", "no-model", "text", "--device", device]);

  test("that is not there says what is missing, before anything is loaded", async () => {
    vi.stubEnv("ETTIN_CUDA_LIBRARY", "/nowhere.so");
    const { code, stderr } = await on("cuda:1");
    expect(code).toBe(1);
    expect(stderr).toContain("ettin: [device] ETTIN_CUDA_LIBRARY is /nowhere.so, which is not there.");
    expect(await on("tpu")).toMatchObject({
      code: 2,
      stderr: 'ettin: --device is "tpu", but cpu, cuda or, of several GPUs, cuda:1 is needed\n',
    });
  });
});

describe("ettin doctor", () => {
  test("finds a machine that computes", async () => {
    const { code, stdout } = await runCommand(["doctor"]);
    expect(code).toBe(0);
    for (const name of ["node", "ettin", "cpu", "instructions", "cuda", "memory", "cache", "hub"]) {
      expect(stdout).toMatch(new RegExp(`^ok {2}${name} `, "m"));
    }
  });

  test("says in a line why there is no GPU, which is no fault", async () => {
    vi.stubEnv("ETTIN_CUDA_LIBRARY", "/nowhere.so");
    const { code, stdout } = await runCommand(["doctor"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ok {2}cuda +none: ETTIN_CUDA_LIBRARY is \/nowhere\.so, which is not there\. Set it to/m);
    const report = JSON.parse((await runCommand(["doctor", "--json"])).stdout);
    expect(report.cuda).toEqual({ error: "ETTIN_CUDA_LIBRARY is /nowhere.so, which is not there" });
  });

  test("shows that there is a token, never which", async () => {
    vi.stubEnv("HF_TOKEN", "hf_secret");
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    const { stdout } = await runCommand(["doctor", "--json"]);
    expect(JSON.parse(stdout).hub).toMatchObject({ hasToken: true, offline: true });
    expect(stdout).not.toContain("secret");
  });

  test("exits with 1 when the cache cannot be", async () => {
    vi.stubEnv("HF_HUB_CACHE", "/proc/nowhere");
    const { code, stdout } = await runCommand(["doctor", "--json"]);
    if (process.getuid?.() === 0)
      expect(code).toBe(0); // root may write everywhere, as far as anybody can tell
    else {
      expect(code).toBe(1);
      expect(JSON.parse(stdout).problems[0]).toContain("Set HF_HOME");
    }
  });
});
