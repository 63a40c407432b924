/** What a user of @ettin/dense needs is there without @ettin/core; of types, test/types/dense.test-d.ts says so. */
import * as core from "@ettin/core";
import * as dense from "@ettin/dense";
import { expect, test } from "vitest";

const [ofCore, ofDense] = [new Map(Object.entries(core)), new Map(Object.entries(dense))];

test.each([
  ...["EarlyStoppingCallback", "MultiDataset", "Tensor", "setDefaultDevice", "columnsCollator", "SequentialEvaluator"],
  ...["mineHardNegatives", "semanticSearch", "paraphraseMining", "paraphraseMiningEmbeddings", "communityDetection"],
  ...["createIndex", "openIndex", "modelFingerprint", "Dataset", "loadDataset", "EngineError", "quantizeEmbeddings"],
])("%s", (name) => {
  expect(ofDense.get(name)).toBeDefined();
  expect(ofDense.get(name)).toBe(ofCore.get(name));
});
