import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SentenceTransformer } from "@ettin/dense";
import { main } from "ettin";
import { beforeAll, describe, expect, test } from "vitest";
import { saveSmallEncoder } from "../support/dense-model.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runCommand } from "../support/terminal.ts";

const root = temporaryFolder();
const model = join(root, "model");
const WORDS = ["sea", "hill", "apple", "fox", "lamp", "bell", "river", "stone", "wind", "snow", "loaf", "boat"];
const newFolder = (): string => mkdtempSync(join(root, "run-"));

function file(rows: readonly object[]): string {
  const path = join(newFolder(), "rows.jsonl");
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return path;
}

const pairs = WORDS.map((word) => ({ query: `Where is the ${word}?`, positive: `The ${word} is over there.` }));
const args = (data: string, output: string, ...more: string[]) => [
  ...["train", "dense", model, data, "--output", output, "--batch", "4", "--set", 'report=["metrics"]'],
  ...more,
];

beforeAll(() => saveSmallEncoder(model));

describe("ettin train dense", () => {
  test("trains on pairs, measures on rows that it keeps, and leaves a model", async () => {
    const output = join(newFolder(), "out");
    const options = ["--eval-rows", "4", "--epochs", "2", "--learning-rate", "1e-3", "--json"];
    const { code, stdout, stderr } = await runCommand(args(file(pairs), output, ...options));
    expect(code, stderr).toBe(0);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ globalStep: 4, model: join(output, "final") }); // 8 rows, 4 a step, twice
    expect(summary.evaluation["eval_dev_cosine_ndcg@10"]).toBeGreaterThan(0);
    expect(stderr).toContain("eval_dev_cosine_ndcg@10");
    const trained = await SentenceTransformer.fromPretrained(summary.model);
    expect(trained.embeddingDimension).toBe(32);
    trained.dispose();
    expect(existsSync(join(output, "metrics.jsonl"))).toBe(true);
  });

  test("takes texts of a corpus for ids, columns in the order given, a loss and its options", async () => {
    const output = join(newFolder(), "out");
    const corpus = file(pairs.map(({ positive }, i) => ({ id: `p${i}`, text: positive })));
    const data = file(
      pairs.map(({ query }, i) => ({ other_id: `p${(i + 1) % 12}`, positive_id: `p${i}`, query, split: "train" })),
    );
    const options = ["--columns", "query,positive_id,other_id", "--corpus", corpus, "--eval-data", data];
    const more = ["--loss", "triplet", "--loss-option", "tripletMargin=2", "--steps", "2", "--json"];
    const { code, stdout, stderr } = await runCommand(args(data, output, ...options, ...more));
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout).evaluation).toHaveProperty("eval_dev_cosine_accuracy");
    expect(JSON.parse(stdout).trainLoss).toBeLessThan(3); // about the margin, while nothing is learned
  });

  test("a model that an earlier run left is not written over unless asked", async () => {
    const output = join(newFolder(), "out");
    const run = (...more: string[]) =>
      runCommand(args(file(pairs), output, "--steps", "1", "--set", "saveStrategy=no", "--json", ...more));
    expect((await run()).code).toBe(0);
    const weights = () => readFileSync(join(output, "final/model.safetensors"));
    const before = weights();
    const { code, stderr } = await run("--learning-rate", "1e-2");
    expect(code).toBe(2);
    expect(stderr).toContain("final has the model of an earlier run: choose another --output, or pass --overwrite");
    expect(weights()).toEqual(before);
    expect((await run("--overwrite", "--set", "warmupRatio=0", "--learning-rate", "1e-2")).code).toBe(0);
    expect(weights()).not.toEqual(before);
  });

  test("a guide leaves false negatives out, and is nothing to other losses", async () => {
    const output = join(newFolder(), "out");
    const options = ["--guide", model, "--steps", "2", "--json"];
    const { code, stdout, stderr } = await runCommand(args(file(pairs), output, ...options));
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout).trainLoss).toBeGreaterThan(0);
    const card = readFileSync(join(output, "final/README.md"), "utf8");
    expect(card).toContain("GISTEmbedLoss");
    for (const [more, message] of [
      [["--loss", "gist-embed"], "--loss GISTEmbed needs --guide <model>"],
      [["--loss", "triplet", "--guide", model], "--guide is nothing to --loss Triplet"],
      [["--loss", "TripletLos"], "Did you mean Triplet?"],
    ] as const) {
      const refused = await runCommand(args(file(pairs), output, ...more));
      expect(refused).toMatchObject({ code: 2, stdout: "" });
      expect(refused.stderr).toContain(message);
    }
  });

  test("a run of other arguments is named with the ways to begin anew", async () => {
    const output = join(newFolder(), "out");
    const data = file(pairs);
    expect(await runCommand(args(data, output, "--epochs", "1"))).toMatchObject({ code: 0 });
    const { code, stderr } = await runCommand(args(data, output, "--epochs", "1", "--learning-rate", "1e-3"));
    expect(code).toBe(1);
    expect(stderr).toContain(
      "learningRate is 0.001, was 0.00005. Resume with those of the run, or begin anew: another --output, or --overwrite.",
    );
  });

  test("takes the corpus's texts of the columns that are named", async () => {
    const corpus = file(pairs.map(({ positive }, i) => ({ id: `p${i}`, a: "Title.", b: positive })));
    const data = file(pairs.map(({ query }, i) => ({ query, positive_id: `p${i}` })));
    const more = ["--corpus", corpus, "--text-column", "a,b", "--steps", "1"];
    const { code, stderr } = await runCommand(args(data, join(newFolder(), "out"), ...more));
    expect(code, stderr).toBe(0);
  });

  test("scored pairs are trained by CoSENT and measured by their order", async () => {
    const scored = pairs.map((pair, i) => ({ ...pair, score: i / 12 }));
    const [data, output] = [file(scored), join(newFolder(), "out")];
    const { code, stdout, stderr } = await runCommand(
      args(data, output, "--eval-rows", "4", "--steps", "2", "--best", "--eval-steps", "1", "--json"),
    );
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout).evaluation).toHaveProperty("eval_dev_spearman_cosine");
    const state = JSON.parse(readFileSync(join(output, "checkpoint-2", "trainer_state.json"), "utf8"));
    expect(state.best_metric ?? state.bestMetric ?? null).not.toBeNull();
  });

  test("stopped, it saves and ends with 130; the same command goes on", async () => {
    const [data, output] = [file(pairs), join(newFolder(), "out")];
    const command = args(data, output, "--epochs", "3", "--set", "loggingSteps=1");
    const stop = new AbortController();
    let [stdout, stderr] = ["", ""];
    const code = await main(command, {
      write(text) {
        stdout += text;
      },
      writeError(text) {
        stderr += text;
        if (/step 2\//.test(text)) stop.abort();
      },
      interactive: false,
      signal: stop.signal,
    });
    expect(code, stderr).toBe(130);
    expect(stdout).toMatch(/^stopped after step \d; the same command goes on: .*checkpoint-\d\n$/);
    const rest = await runCommand([...command, "--json"]);
    expect(rest.code, rest.stderr).toBe(0);
    expect(rest.stderr).toContain("going on after step");
    expect(JSON.parse(rest.stdout).globalStep).toBe(9);
  });

  test("with --matryoshka the first dimensions are trained, too", async () => {
    const output = join(newFolder(), "out");
    const { code, stderr } = await runCommand(args(file(pairs), output, "--steps", "1", "--matryoshka", "32,16"));
    expect(code, stderr).toBe(0);
  });

  test.each<[string, string[], number, string]>([
    ["a loss that is not there", ["--loss", "multiple-negative-ranking"], 2, "Did you mean MultipleNegativesRanking?"],
    ["an argument that is not there", ["--set", "learningrate=1"], 1, "The nearest is learningRate"],
    ["an argument without a value", ["--set", "bf16"], 2, "but key=value is needed"],
    ["two kinds of held-out rows", ["--eval-rows", "2", "--eval-split", "dev"], 2, "give one of --eval-data"],
    ["more held-out rows than rows", ["--eval-rows", "12"], 2, "--eval-rows is 12, but there are 12 rows"],
    ["a column that is not there", ["--columns", "query,answer"], 1, 'no column "answer"'],
    ["an evaluator that lacks a column", ["--eval-rows", "2", "--evaluator", "triplet"], 2, "needs 3 columns"],
    ["a corpus's column without a corpus", ["--text-column", "text"], 2, "--text-column is of a --corpus"],
    ["dimensions that are none", ["--matryoshka", "big"], 2, "dimensions such as"],
  ])("%s is an error", async (_, more, code, message) => {
    const result = await runCommand(args(file(pairs), join(newFolder(), "out"), ...more));
    expect(result.stderr).toContain(message);
    expect([result.code, result.stdout]).toEqual([code, ""]);
  });
});

describe("ettin mine", () => {
  test("writes triplets whose negatives are no answers", async () => {
    const output = join(newFolder(), "hard.jsonl");
    const { code, stdout, stderr } = await runCommand([
      "mine",
      model,
      file(pairs),
      "--negatives",
      "2",
      "--output",
      output,
    ]);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(`24 rows: ${output}\n`);
    const rows = readFileSync(output, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(Object.keys(rows[0])).toEqual(["query", "positive", "negative"]);
    for (const { query, positive, negative } of rows) {
      expect(pairs).toContainEqual({ query, positive });
      expect(negative).not.toBe(positive);
    }
  });

  test("takes negatives of a corpus, in another format", async () => {
    const output = join(newFolder(), "hard.jsonl");
    const corpus = file([{ text: "A text of the corpus." }, { text: "Another one." }]);
    const more = ["--corpus", corpus, "--negatives", "1", "--format", "labeled-pair", "--json"];
    const { code, stdout, stderr } = await runCommand(["mine", model, file(pairs), "--output", output, ...more]);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ output, rows: 24 });
    const labels = readFileSync(output, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).label);
    expect(labels.filter((label) => label === 1)).toHaveLength(12);
  });

  test("takes texts of the corpus for ids, of the columns that are named", async () => {
    const output = join(newFolder(), "hard.jsonl");
    const corpus = file(pairs.map(({ positive }, i) => ({ id: `p${i}`, heading: `Word ${i}.`, body: positive })));
    const data = file(pairs.map(({ query }, i) => ({ query, positive_id: `p${i}`, answer: "none", split: "train" })));
    const common = ["mine", model, data, "--output", output, "--corpus", corpus, "--negatives", "1"];
    const { code, stderr } = await runCommand([...common, "--text-column", "heading,body"]);
    expect(code, stderr).toBe(0);
    const rows = readFileSync(output, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(Object.keys(rows[0])).toEqual(["query", "positive", "negative"]);
    expect(rows).toHaveLength(12);
    for (const { query, positive, negative } of rows) {
      const i = pairs.findIndex((pair) => pair.query === query);
      expect(positive).toBe(`Word ${i}. ${pairs[i]!.positive}`);
      expect(negative).toMatch(/^Word \d+\. The /);
      expect(negative).not.toBe(positive);
    }
    const unnamed = await runCommand(common);
    expect([unnamed.code, unnamed.stderr]).toEqual([2, expect.stringContaining("--text-column <name>")]);
    const missing = await runCommand(["mine", model, data, "--output", output]);
    expect(missing.stderr).toContain("positive_id is of ids. Say where their texts are: --corpus <path>");
    expect(missing.code).toBe(2);
  });

  test("an id that the corpus has not is an error that names it", async () => {
    const data = file([{ query: "Where?", positive_id: "p9" }]);
    const corpus = file([{ id: "p0", text: "There." }]);
    const command = ["mine", model, data, "--output", "x.jsonl", "--corpus", corpus];
    const { code, stderr } = await runCommand(command);
    expect([code, stderr]).toEqual([1, expect.stringContaining('[ettin mine] positive_id is "p9"')]);
  });

  test("limits that leave nothing are explained", async () => {
    const more = ["--range-min", "5", "--range-max", "5"];
    const { code, stderr } = await runCommand(["mine", model, file(pairs), "--output", "x.jsonl", ...more]);
    expect(code).toBe(1);
    expect(stderr).toContain("rangeMin is 5 and rangeMax 5");
  });
});
