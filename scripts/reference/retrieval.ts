/**
 * Retrieval on real data by us, to stand beside what retrieval.py measures and trains: the same rows in the same order.
 *
 *   node --import ./scripts/typescript.mjs scripts/reference/retrieval.ts --set packages=pairs.jsonl.gz --model encoder/ \
 *     --order order.json --batch 32 --out trained/ --also trained-by-python/
 *
 * Measures `--model`, trains it where `--order` is given, and measures what came out and every folder of `--also`:
 * nDCG@10 and recall@10 of the test split's questions in the whole corpus. The data sets are those of retrieval.py.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Dataset, loadDataset } from "@ettin/core";
import {
  InformationRetrievalEvaluator,
  MultipleNegativesRankingLoss,
  SentenceTransformer,
  SentenceTransformerTrainer,
} from "@ettin/dense";

const { values: options } = parseArgs({
  options: {
    set: { type: "string" },
    model: { type: "string" },
    order: { type: "string" },
    out: { type: "string" },
    also: { type: "string", multiple: true, default: [] },
    batch: { type: "string", default: "32" },
    warmup: { type: "string", default: "40" },
    "learning-rate": { type: "string", default: "3e-4" },
    "max-length": { type: "string", default: "256" },
  },
});
const [set, path] = options.set?.split("=") ?? [];
if (!set || !path || !options.model) throw new Error("[retrieval] --set name=path and --model folder are needed");

interface Question {
  readonly query: string;
  readonly answer: string;
  readonly split: string;
}

async function read(): Promise<{ corpus: Record<string, string>; questions: readonly Question[] }> {
  if (set === "packages") {
    const rows = [...(await loadDataset<{ query: string; positive: string; split: string }>(path!))];
    return {
      corpus: Object.fromEntries(rows.map(({ positive }, i) => [i, positive])),
      questions: rows.map(({ query, split }, i) => ({ query, split, answer: String(i) })),
    };
  }
  const corpus = await loadDataset<{ id: string; text: string }>(join(path!, "corpus.jsonl"));
  const questions = await loadDataset<{ query: string; positive_id: string; split: string }>(
    join(path!, "questions.jsonl"),
  );
  return {
    corpus: Object.fromEntries([...corpus].map(({ id, text }) => [id, text])),
    questions: [...questions].map(({ query, positive_id, split }) => ({ query, split, answer: positive_id })),
  };
}

const { corpus, questions } = await read();
const tests = questions.filter(({ split }) => split === "test");
const evaluator = new InformationRetrievalEvaluator({
  queries: Object.fromEntries(tests.map(({ query }, i) => [i, query])),
  corpus,
  relevantDocs: Object.fromEntries(tests.map(({ answer }, i) => [i, new Set([answer])])),
  ndcgAtK: [10],
  precisionRecallAtK: [10],
});

async function open(folder: string): Promise<SentenceTransformer> {
  const model = await SentenceTransformer.fromPretrained(folder);
  model.maxSeqLength = Number(options["max-length"]);
  return model;
}

async function measure(what: string, model: SentenceTransformer): Promise<void> {
  const started = performance.now();
  const metrics = await evaluator.evaluate(model);
  const figure = (name: string) => metrics[`cosine_${name}@10`]!.toFixed(4);
  const seconds = ((performance.now() - started) / 1e3).toFixed(0);
  console.log(`${set}, ${what}: nDCG@10 ${figure("ndcg")}, recall@10 ${figure("recall")} (${seconds} s)`);
}

const model = await open(options.model);
await measure("before", model);
if (options.order) {
  const batch = Number(options.batch);
  const trainer = new SentenceTransformerTrainer({
    model,
    trainDataset: Dataset.fromRows(
      questions
        .filter(({ split }) => split === "train")
        .map(({ query, answer }) => ({ query, positive: corpus[answer]! })),
    ),
    loss: new MultipleNegativesRankingLoss(model),
    args: {
      outputDir: `${options.out}-run`,
      overwriteOutputDir: true,
      order: options.order,
      perDeviceTrainBatchSize: batch,
      numTrainEpochs: 1,
      learningRate: Number(options["learning-rate"]),
      warmupSteps: Number(options.warmup),
      saveStrategy: "no",
      loggingSteps: 10,
    },
  });
  const started = performance.now();
  const { globalStep, trainLoss } = await trainer.train();
  const seconds = (performance.now() - started) / 1e3;
  console.log(`${globalStep} steps in ${seconds.toFixed(0)} s, mean loss ${trainLoss.toFixed(4)}`);
  if (options.out) await model.savePretrained(options.out);
  await measure("after", model);
}
model.dispose();
for (const folder of options.also) {
  const other = await open(folder);
  await measure(folder, other);
  other.dispose();
}
