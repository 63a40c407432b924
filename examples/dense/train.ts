// Fine-tunes a retriever on questions about passages, measures it on passages that it never saw, and searches.
import * as ettin from "@ettin/dense";

const model = await ettin.SentenceTransformer.fromPretrained("runs/quickstart/pretraining", { dtype: "float32" });

const passages = await ettin.loadDataset("examples/facts/corpus.jsonl"); // id, title, text
const corpus = new Map(Array.from(passages, ({ id, text }) => [id as string, text as string]));
const questions = await ettin.loadDataset("examples/facts/questions.jsonl"); // query, positive_id, split
const train = questions
  .filter(({ split }) => split === "train")
  .map(({ query, positive_id }) => ({ anchor: query, positive: corpus.get(positive_id as string) }));
const held = questions.filter(({ split }) => split === "test");
const queries = new Map(Array.from(held, ({ query }, i) => [String(i), query as string]));
const relevantDocs = new Map(Array.from(held, ({ positive_id }, i) => [String(i), [positive_id as string]]));

const evaluator = new ettin.InformationRetrievalEvaluator({ queries, corpus, relevantDocs, name: "facts" });
const trainer = new ettin.SentenceTransformerTrainer({
  model,
  trainDataset: train.selectColumns(["anchor", "positive"]),
  loss: new ettin.MultipleNegativesRankingLoss(model),
  args: {
    outputDir: "runs/retriever",
    overwriteOutputDir: true,
    perDeviceTrainBatchSize: 128,
    learningRate: 1e-3,
    batchSampler: "no_duplicates",
  },
});
console.log("before", (await model.evaluate(evaluator))["facts_cosine_ndcg@10"]);
await trainer.train();
console.log("after", (await model.evaluate(evaluator))["facts_cosine_ndcg@10"]);
await model.savePretrained("runs/retriever/model"); // loads in Python, too

const index = await ettin.createIndex({ dim: model.embeddingDimension, model: await ettin.modelFingerprint(model) });
const vectors = await model.encodeDocument([...corpus.values()]);
await index.add({ ids: [...corpus.keys()], vectors, metadata: [...corpus.values()] });
await index.save("runs/retriever/index");
console.log(await index.search(await model.encodeQuery("Which bird can fly backwards?"), { k: 2 }));
