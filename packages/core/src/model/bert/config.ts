import type { ModelConfig } from "../config.ts";

/** The configuration of a BERT encoder. */
export interface BertConfig extends ModelConfig {
  readonly modelType: "bert";
  /** Entries of the token type table. @default 2 */
  readonly typeVocabSize: number;
  /** Of the MLP. @default "gelu" */
  readonly hiddenAct: string;
  /** Spread of the initial weights. @default 0.02 */
  readonly initializerRange: number;
  /** @default 1e-12 */
  readonly layerNormEps: number;
  /** Of embeddings and of the sublayers' outputs. @default 0.1 */
  readonly hiddenDropoutProb: number;
  /** Of attention's probabilities. @default 0.1 */
  readonly attentionProbsDropoutProb: number;
  /** Before a classifier; null: `hiddenDropoutProb`. @default null */
  readonly classifierDropout: number | null;
}
