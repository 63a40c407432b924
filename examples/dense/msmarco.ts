// Fine-tunes an encoder or a decoder for retrieval as the Ettin models were: MS MARCO triplets, in-batch negatives with
// cached gradients, no text twice in a batch, a triplet evaluator on 1,000 rows that are kept.
//   node --import ./scripts/typescript.mjs examples/dense/msmarco.ts --model jhu-clsp/ettin-encoder-150m
// On data of your own (JSON lines, CSV, Parquet with a query, a positive and any negatives, in that order):
//   … examples/dense/msmarco.ts --model runs/my-encoder --data pairs.jsonl --rows 20000 --batch 256 --eval-rows 200
// Numbers that are not given are those of the published recipe. Batches of 512 rows do not have to fit into memory:
// --micro-batch tokens are computed at a time, with the gradient of the whole.
import { parseArgs } from "node:util";
import { type Dataset, loadDataset } from "@ettin/core";
import {
  CachedMultipleNegativesRankingLoss,
  InformationRetrievalEvaluator,
  SentenceTransformer,
  SentenceTransformerTrainer,
  TripletEvaluator,
} from "@ettin/dense";

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "jhu-clsp/ettin-encoder-150m" },
    data: { type: "string", default: "sentence-transformers/msmarco-co-condenser-margin-mse-sym-mnrl-mean-v1" },
    name: { type: "string" },
    output: { type: "string", default: "runs/msmarco" },
    rows: { type: "string", default: "1250000" },
    "eval-rows": { type: "string", default: "1000" },
    "learning-rate": { type: "string", default: "8e-5" },
    batch: { type: "string", default: "512" },
    "micro-batch": { type: "string", default: "8192" },
    accumulation: { type: "string", default: "1" },
    steps: { type: "string", default: "-1" },
    scale: { type: "string", default: "20" },
    pooling: { type: "string" },
    float32: { type: "boolean", default: false },
    resume: { type: "boolean", default: false },
  },
});
const number = (name: keyof typeof values) => Number(values[name]);

// Mean pooling for encoders, the last token for decoders, unless --pooling says otherwise.
const model = await SentenceTransformer.fromPretrained(values.model, {
  dtype: "float32",
  ...(values.pooling && { poolingMode: values.pooling as "mean" | "lasttoken" | "weightedmean" }),
});

const name = values.name ?? (values.data.startsWith("sentence-transformers/msmarco") ? "triplet-hard" : undefined);
const all = await loadDataset(values.data, { split: "train", ...(name && { name }) });
const { train, test } = all.trainTestSplit({ testSize: number("eval-rows"), seed: 12 });
const trainDataset = train.take(number("rows"));

const outputDir = `${values.output}/${values.model.split("/").at(-1)}`;
const evaluator = evaluatorOf(test);
console.log(
  `${trainDataset.length} rows of ${trainDataset.columnNames.join(", ")}; before:`,
  await model.evaluate(evaluator),
);

const trainer = new SentenceTransformerTrainer({
  model,
  trainDataset,
  loss: new CachedMultipleNegativesRankingLoss(model, { scale: number("scale") }),
  evaluator,
  args: {
    outputDir,
    numTrainEpochs: 1,
    maxSteps: number("steps"),
    perDeviceTrainBatchSize: number("batch"),
    perDeviceEvalBatchSize: 128,
    gradientAccumulationSteps: number("accumulation"),
    maxTokensPerMicroBatch: number("micro-batch"),
    learningRate: number("learning-rate"),
    warmupRatio: 0.05,
    bf16: !values.float32,
    batchSampler: "no_duplicates", // a text that is there twice would be its own negative
    evalStrategy: "steps",
    evalSteps: 50,
    saveSteps: 50,
    saveTotalLimit: 2,
    loggingSteps: 10,
  },
});
await trainer.train({ resumeFromCheckpoint: values.resume });
console.log("after:", await model.evaluate(evaluator));
await model.savePretrained(`${outputDir}/final`);
console.log(`${outputDir}/final`);
model.dispose();

/** With negatives the share of triplets in order; of pairs alone how well the kept answers are found among each other. */
function evaluatorOf(rows: Dataset): TripletEvaluator | InformationRetrievalEvaluator {
  const [anchors = [], positives = [], negatives] = rows.columnNames.map(
    (column) => [...rows.column(column)] as string[],
  );
  if (negatives) return new TripletEvaluator({ anchors, positives, negatives, name: "dev" });
  const corpus = new Map(positives.map((text, i) => [`p${i}`, text]));
  const queries = new Map(anchors.map((text, i) => [`q${i}`, text]));
  const relevantDocs = new Map(anchors.map((_, i) => [`q${i}`, [`p${i}`]]));
  return new InformationRetrievalEvaluator({ queries, corpus, relevantDocs, name: "dev" });
}
