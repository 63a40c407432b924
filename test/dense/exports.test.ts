/** What a user of @ettin/dense needs is there without @ettin/core. */
import * as core from "@ettin/core";
import type {
  Hit,
  IndexOptions,
  Loss,
  MineHardNegativesOptions,
  SearchOptions,
  SentenceEvaluator,
  SimilarityFunctionName,
  TrainerCallback,
  TrainSummary,
} from "@ettin/dense";
import * as dense from "@ettin/dense";
import { expect, test } from "vitest";

/** Types are exports, too: this file compiles only where they are. */
export type Needed = [
  ...[Hit, IndexOptions, SearchOptions, MineHardNegativesOptions, SimilarityFunctionName],
  ...[Loss<never>, SentenceEvaluator, TrainerCallback, TrainSummary],
];

test.each([
  ...["EarlyStoppingCallback", "MultiDataset", "Tensor", "setDefaultDevice", "columnsCollator", "SequentialEvaluator"],
  ...["mineHardNegatives", "semanticSearch", "paraphraseMining", "paraphraseMiningEmbeddings", "communityDetection"],
  ...["createIndex", "openIndex", "modelFingerprint", "Dataset", "loadDataset", "EngineError", "quantizeEmbeddings"],
] as const)("%s", (name) => {
  expect(dense[name]).toBe(core[name]);
});
