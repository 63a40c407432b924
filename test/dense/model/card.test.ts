import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DENSE, openModel } from "../../support/dense-fixture.ts";
import { temporaryFolder } from "../../support/folder.ts";

const folder = temporaryFolder();

async function cardOf(change: (model: Awaited<ReturnType<typeof openModel>>) => void): Promise<string> {
  const model = await openModel(join(DENSE, "model"));
  change(model);
  await model.savePretrained(folder);
  return readFileSync(join(folder, "README.md"), "utf8");
}

test("the front matter has the reference's tags, task and library, and what people said", async () => {
  const card = await cardOf((model) => {
    model.cardData = { name: "me/retriever", language: ["en", "de"], license: "apache-2.0", datasets: "me/pairs" };
  });
  const front = card.split("---\n")[1]!;
  for (const line of [
    "language:\n- en\n- de\n",
    "license: apache-2.0\n",
    "library_name: sentence-transformers\n",
    "pipeline_tag: sentence-similarity\n",
    "- sentence-transformers\n- sentence-similarity\n- feature-extraction\n- dense\n",
    "datasets:\n- me/pairs\n",
  ]) {
    expect(front).toContain(line);
  }
  expect(card).toContain("# me/retriever\n");
});

test("the usage is in both languages, with prompts where there are any, and with the numbers that it prints", async () => {
  const model = await openModel(join(DENSE, "model"));
  const texts = ["It's so sunny outside!", "He drove to the stadium."];
  const query = await model.encodeQuery("The weather is lovely today.");
  const { data } = await model.similarity(query, await model.encodeDocument(texts));
  const card = await cardOf(() => {});
  const numbers = `[${[...data].map((value) => value.toFixed(4)).join(", ")}]`;
  expect(card).toContain(`const { data } = await model.similarity(query, documents);\n// ${numbers}`);
  expect(card).toContain(`print(model.similarity(query, documents))\n# ${numbers}`);
  expect(card).toContain('model.encode_query("The weather is lovely today.")');
  expect(card).toContain("| longest text | 24 tokens |");
});

test("evaluations of one kind share a table, the main metric bold, and the hub's list has all", async () => {
  const metrics = (name: string, value: number) => ({
    evaluator: "TripletEvaluator",
    description: "Triplet",
    name,
    primaryMetric: `${name}_cosine_accuracy`,
    metrics: { [`${name}_cosine_accuracy`]: value, [`${name}_dot_accuracy`]: 0.5 },
    config: {},
    epoch: 1,
    steps: 10,
  });
  const card = await cardOf((model) => {
    model.cardFacts.evaluations = [metrics("dev", 0.75), metrics("test", 0.123456)];
  });
  expect(card).toContain("### Triplet");
  expect(card).toContain(
    "| metric | dev | test |\n| --- | ---: | ---: |\n| **cosine\\_accuracy** | **0.75** | **0.1235** |",
  );
  expect(card).toContain("| dot\\_accuracy | 0.5 | 0.5 |");
  expect(card).toContain("- type: cosine_accuracy\n      value: 0.123456\n      name: Cosine Accuracy");
  expect(card).toContain("task:\n      type: triplet");
});

test("a training is told with data, samples, losses, arguments and log; what rows hold stays text", async () => {
  const loss = { name: "MultipleNegativesRankingLoss", config: { scale: 20 } };
  const card = await cardOf((model) => {
    model.cardFacts.training = {
      trainDatasets: [
        {
          name: null,
          rows: 1234,
          columns: [
            { name: "anchor", type: "string", range: { min: 3, mean: 7.5, max: 12 }, shares: null },
            { name: "label", type: "int", range: null, shares: { "0": 0.25, "1": 0.75 } },
          ],
          samples: [{ anchor: "a | b\n<script>", label: 1 }],
          loss,
        },
      ],
      evalDatasets: [],
      losses: [loss],
      arguments: { learningRate: 8e-5 },
      nonDefaultArguments: { learningRate: 8e-5 },
      log: [
        { epoch: 0.5, step: 10, trainingLoss: 1.25, metrics: {} },
        { epoch: 1, step: 20, trainingLoss: null, metrics: { dev_cosine_accuracy: 0.9 } },
      ],
      bestStep: 20,
      seconds: 3,
    };
  });
  expect(card).toContain("- generated_from_trainer\n");
  expect(card).toContain('- "dataset_size:1234"\n');
  expect(card).toContain('- "loss:MultipleNegativesRankingLoss"\n');
  expect(card).toContain("| anchor | string | least 3 tokens, mean 7.5 tokens, most 12 tokens |");
  expect(card).toContain("| label | int | 0: 25.0 %, 1: 75.0 % |");
  expect(card).toContain("| a \\| b \\<script\\> | 1 |");
  expect(card).toContain("- `learningRate`: `0.00008`");
  expect(card).toContain("| 0.5 | 10 | 1.25 | - |\n| **1** | **20** | - | **0.9** |");
});
