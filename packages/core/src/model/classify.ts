import { sigmoid } from "../ops/sigmoid.ts";
import { softmax } from "../ops/softmax.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type BatchOptions, inBatches, type TextOrPair } from "./in-batches.ts";
import type { SequenceClassifier } from "./sequence-classifier.ts";

export interface LabelScore {
  /** Its name in the configuration. */
  readonly label: string;
  readonly score: number;
}

export interface ClassifyOptions extends BatchOptions {
  /** The best labels only. @default all */
  topK?: number;
}

/**
 * Scores of the labels of texts, the best first. Of one label of many they add up to 1 (softmax); where several may
 * hold, or where there is one label only, each is a probability of its own (sigmoid); for regression it is the value.
 *
 * @param texts texts or pairs of texts
 * @throws EngineError for a text longer than the model, unless `truncation` says what to cut
 */
export async function classify(
  model: SequenceClassifier,
  tokenizer: Tokenizer,
  texts: readonly TextOrPair[],
  { topK, ...options }: ClassifyOptions = {},
): Promise<LabelScore[][]> {
  const { problemType, id2label } = model.config;
  const single = problemType === "single_label_classification" || (problemType === null && id2label.length > 1);
  const rows = await inBatches(
    tokenizer,
    texts,
    (batch) => {
      const scores = model.forward(batch).to("float32");
      if (problemType === "regression") return scores;
      return single && id2label.length > 1 ? softmax(scores, 1) : sigmoid(scores);
    },
    options,
  );
  return rows.map((row) =>
    id2label
      .map((label, i) => ({ label, score: row[i]! }))
      .sort((a, b) => b.score - a.score)
      .slice(0, topK ?? id2label.length),
  );
}
