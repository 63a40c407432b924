import { EngineError } from "../errors.ts";
import { checkOptionNames } from "../known-options.ts";
import { sigmoid } from "../ops/sigmoid.ts";
import { softmax } from "../ops/softmax.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { BATCH_OPTIONS, type BatchOptions, inBatches, type TextOrPair } from "./in-batches.ts";
import type { PreTrainedModel } from "./pretrained-model.ts";
import { SequenceClassifier } from "./sequence-classifier.ts";

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
 * @param texts a text, or texts or pairs of texts
 * @returns the scores of the text, or of each of the texts
 * @throws EngineError for a text longer than the model, unless `truncation` says what to cut
 */
export async function classify(
  model: SequenceClassifier,
  tokenizer: Tokenizer,
  text: string,
  options?: ClassifyOptions,
): Promise<LabelScore[]>;
export async function classify(
  model: SequenceClassifier,
  tokenizer: Tokenizer,
  texts: readonly TextOrPair[],
  options?: ClassifyOptions,
): Promise<LabelScore[][]>;
export async function classify(
  model: SequenceClassifier,
  tokenizer: Tokenizer,
  texts: string | readonly TextOrPair[],
  options: ClassifyOptions = {},
): Promise<LabelScore[] | LabelScore[][]> {
  if (typeof texts === "string") return (await classify(model, tokenizer, [texts], options))[0]!;
  if (!(model instanceof SequenceClassifier)) {
    throw new EngineError(
      "classify",
      `${(model as PreTrainedModel).architecture} has no score per label for each text`,
      "Load it with AutoModelForSequenceClassification; a token classifier's scores of tokens come from its forward.",
    );
  }
  checkOptionNames("classify", options, ["topK", ...BATCH_OPTIONS]);
  const { problemType, id2label, maxPositionEmbeddings } = model.config;
  const { topK = id2label.length, ...batching } = options;
  if (!Number.isSafeInteger(topK) || topK < 1) {
    throw new EngineError("classify", `topK is ${topK}`, `There are ${id2label.length} labels: ask for 1 or more.`);
  }
  const single = problemType === "single_label_classification" || (problemType === null && id2label.length > 1);
  const rows = await inBatches(
    "classify",
    tokenizer,
    texts,
    maxPositionEmbeddings,
    (batch) => {
      const scores = model.forward(batch).to("float32");
      if (problemType === "regression") return scores;
      return single && id2label.length > 1 ? softmax(scores, 1) : sigmoid(scores);
    },
    batching,
  );
  return rows.map((row) =>
    id2label
      .map((label, i) => ({ label, score: row[i]! }))
      .sort((a, b) => b.score - a.score)
      .slice(0, topK),
  );
}
