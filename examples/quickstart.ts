// npm run quickstart: from nothing to a search engine for the passages in examples/facts. Pretrains a small encoder on
// the texts of this folder, fine-tunes it on questions, measures it on questions about passages that it never saw, before
// and after, builds an index, and asks it. With --model it starts from a model of yours or of the hub, with --data it
// takes your questions and passages (see retrieval-data.ts), --output says where everything goes.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as ettin from "@ettin/core";
import * as dense from "@ettin/dense";
import * as pretrain from "@ettin/pretrain";
import { retrievalData } from "./retrieval-data.ts";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const { values } = parseArgs({
  options: {
    model: { type: "string" },
    data: { type: "string", default: here("facts") },
    output: { type: "string", default: "runs/quickstart" },
    epochs: { type: "string" },
    ask: { type: "string", multiple: true },
  },
});
const QUESTIONS = ["Which bird flies backwards?", "Who wrote Hamlet?", "What is the hottest planet?"];
const started = performance.now();
const seconds = () => `${Math.round((performance.now() - started) / 1000)} s`;
const { corpus, train, dev, test } = await retrievalData(values.data);
console.log(`${corpus.size} passages, ${train.length} questions to learn from, ${test.queries.size} to be tested on`);

// 1. An encoder: one that exists, or a small one that learns to fill masks here.
const pretraining = join(values.output, "pretraining");
if (!values.model) await pretrainEncoder(pretraining);
const model = await dense.SentenceTransformer.fromPretrained(values.model ?? pretraining, { dtype: "float32" });
model.maxSeqLength = Math.min(model.maxSeqLength, 256);

// 2. What it can do so far.
const ranks = { accuracyAtK: [1, 5], precisionRecallAtK: [10], mrrAtK: [10], ndcgAtK: [10], mapAtK: [10] };
const evaluator = (name: string, split: typeof test) =>
  new dense.InformationRetrievalEvaluator({ ...split, corpus, name, ...ranks });
const testing = evaluator("test", test);
const before = await testing.evaluate(model);
console.log(`nDCG@10 before: ${before["test_cosine_ndcg@10"]!.toFixed(3)} (${seconds()})`);

// 3. Fine-tuning: every question should be nearest to its own passage, among all passages of its batch.
const outputDir = join(values.output, "training");
const trainer = new dense.SentenceTransformerTrainer({
  model,
  trainDataset: train,
  loss: new dense.MultipleNegativesRankingLoss(model),
  evaluator: evaluator("dev", dev),
  args: {
    outputDir,
    overwriteOutputDir: true,
    numTrainEpochs: Number(values.epochs ?? (values.model ? 1 : 4)),
    perDeviceTrainBatchSize: 128,
    learningRate: values.model ? 8e-5 : 1e-3,
    warmupRatio: 0.05,
    batchSampler: "no_duplicates",
    loggingSteps: 20,
    evalStrategy: "epoch",
    saveStrategy: "no",
    report: ["progress", "metrics"],
  },
});
await trainer.train();
const after = await testing.evaluate(model);
console.log(`nDCG@10 after: ${after["test_cosine_ndcg@10"]!.toFixed(3)} (${seconds()})`);
await model.savePretrained(join(values.output, "model"));

// 4. An index of all passages, and questions as anybody asks them: --ask for others.
const index = await ettin.createIndex({ dim: model.embeddingDimension, model: await ettin.modelFingerprint(model) });
const texts = [...corpus.values()];
await index.add({ ids: [...corpus.keys()], vectors: await model.encodeDocument(texts), metadata: texts });
await index.save(join(values.output, "index"));
const asked = values.ask ?? (values.data === here("facts") ? QUESTIONS : [...test.queries.values()].slice(0, 3));
const found = await index.searchBatch(await model.encodeQuery(asked), { k: 1 });
const answers = asked.map((question, i) => [question, String(found[i]![0]!.metadata), found[i]![0]!.score.toFixed(3)]);
for (const [question, answer] of answers) console.log(`\n${question}\n  ${answer}`);

// 5. A page that shows it all.
const records = (folder: string) => (values.model ? [] : ettin.readMetrics(join(folder, "metrics.jsonl")));
const losses = records(pretraining).filter(({ loss }) => typeof loss === "number");
const curve = { name: "masked tokens", x: losses.map(({ step }) => step), y: losses.map(({ loss }) => loss as number) };
const metrics = ["ndcg@10", "mrr@10", "accuracy@1", "accuracy@5", "recall@10"].map((name) => [
  name,
  ...[before, after].map((measured) => measured[`test_cosine_${name}`]!.toFixed(3)),
]);
const report = ettin.reportPage({
  title: "A retriever, from nothing",
  subtitle: `${model.embeddingDimension} dimensions, ${corpus.size} passages, ${seconds()}`,
  state: "finished",
  done: 1,
  figures: metrics.slice(0, 3).map(([name, was, is]) => [name!, is!, `was ${was}`]),
  tables: [
    { title: `${test.queries.size} questions about unseen passages`, columns: ["", "before", "after"], rows: metrics },
    { title: "Answers", columns: ["question", "nearest passage", "score"], rows: answers },
  ],
  charts: losses.length > 0 ? [{ title: "Pretraining", curves: [{ ...curve, smooth: true }] }] : [],
  records: ettin.readMetrics(join(outputDir, "metrics.jsonl")),
  facts: { Arguments: { ...trainer.args } },
});
await ettin.writeFileWhole(join(values.output, "report.html"), Buffer.from(report));
console.log(
  `\n${join(values.output, "report.html")} has the curves; ask more: npx ettin search ${values.output}/index --model ${values.output}/model`,
);
index.dispose();
model.dispose();

/** Masked language modelling on the tales and on the passages that are trained on, for about a minute. */
async function pretrainEncoder(folder: string): Promise<void> {
  const tokenizer = await ettin.Tokenizer.fromFolder(here("tokenizer"));
  const tales = readFileSync(here("tales.txt"), "utf8").split("\n\n");
  const rows = [...tales, ...new Set(train.column("positive")), ...train.column("query")].map((text) => ({ text }));
  const shape = {
    hiddenSize: 192,
    intermediateSize: 288,
    numHiddenLayers: 2,
    numAttentionHeads: 3,
    initializerRange: 0.06,
  };
  const encoder = ettin.ModernBertForMaskedLM.fromConfig({ ...shape, vocabSize: tokenizer.vocabSize }, { seed: 21 });
  const trainer = new ettin.Trainer({
    model: encoder,
    trainDataset: ettin.Dataset.fromRows(rows),
    collator: pretrain.maskedLanguageCollator({ tokenizer, probability: 0.3 }),
    loss: new pretrain.LanguageModelingLoss(encoder),
    args: {
      outputDir: folder,
      overwriteOutputDir: true,
      maxSteps: 500,
      perDeviceTrainBatchSize: 32,
      learningRate: 1e-3,
      warmupRatio: 0.1,
      loggingSteps: 20,
      saveStrategy: "no",
      report: ["progress", "metrics"],
    },
  });
  await trainer.train();
  await encoder.savePretrained(folder);
  await tokenizer.savePretrained(folder);
  encoder.dispose();
}
