// Pretrains a small encoder on tales.txt, by masked language modelling.
import { readFileSync } from "node:fs";
import * as ettin from "@ettin/pretrain";

const tokenizer = await ettin.Tokenizer.fromFolder("examples/tokenizer");
const tales = readFileSync("examples/tales.txt", "utf8").split("\n\n");
const rows = ettin.Dataset.fromRows(tales.map((text) => ({ text })));
const { train, test } = rows.trainTestSplit({ testSize: 8, seed: 21 });

const shape = { hiddenSize: 192, intermediateSize: 288, numHiddenLayers: 4, numAttentionHeads: 3 };
const model = ettin.ModernBertForMaskedLM.fromConfig({ ...shape, vocabSize: tokenizer.vocabSize }, { seed: 21 });

const trainer = new ettin.Trainer({
  model,
  trainDataset: train,
  collator: ettin.maskedLanguageCollator({ tokenizer, probability: 0.3 }),
  loss: new ettin.LanguageModelingLoss(model),
  evaluator: ettin.languageModelEvaluator(test, { objective: "mlm", tokenizer }),
  args: {
    outputDir: "runs/tales",
    maxSteps: 200,
    learningRate: 2e-3,
    evalStrategy: "steps",
    evalSteps: 50,
    loggingSteps: 50,
  },
});
console.log(await trainer.train());
