import type { Objective } from "../batch.ts";
import type { MaskRule } from "../objectives/masking.ts";

/** How a model is pretrained: all phases, with nothing left open. Token counts are of real tokens. */
export interface Recipe {
  /** Of the model that it makes: "ettin-encoder-17m". */
  readonly name: string;
  readonly model: RecipeModel;
  /** A finished model of the other kind whose weights it starts from: a folder, or a name on the hub. null: none. */
  readonly startFrom: string | null;
  readonly objective: Objective;
  /** Dropout after the output projection of attention, in training. It is not written to `config.json`. */
  readonly attentionOutputDropout: number;
  /** Of the initial weights and of dropout. */
  readonly seed: number;
  /** Of the order of the data, and of the masks. */
  readonly shuffleSeed: number;
  readonly precision: "bf16" | "fp32";
  /** Fills batches by best fit, in place of counting sequences. */
  readonly packing: boolean;
  /** Of masked objectives. */
  readonly maskRule: MaskRule;
  /** The share of tokens that evaluation hides, whatever training does. */
  readonly evalMaskProbability: number;
  /** Sequences of an optimizer step, over all devices. */
  readonly globalBatchSize: number;
  /** The most sequences of a batch in evaluation. */
  readonly evalBatchSize: number;
  /** Devices that the recipe was run on: batch-size warm-up counts in micro-batches of all of them together. */
  readonly devices: number;
  readonly optimizer: RecipeOptimizer;
  /** In order. */
  readonly phases: readonly RecipePhase[];
}

/** A named configuration, and fields of it that the recipe changes. */
export interface RecipeModel {
  /** One of `namedConfigs`. */
  readonly config: string;
  readonly vocabSize?: number;
  readonly hiddenSize?: number;
  readonly intermediateSize?: number;
  readonly numHiddenLayers?: number;
  readonly numAttentionHeads?: number;
  readonly maxPositionEmbeddings?: number;
  readonly slidingWindow?: number;
}

export interface RecipeOptimizer {
  readonly name: "stable_adamw" | "adamw_torch";
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  /** Weight decay that does not move with the peak rate: there, a step takes exactly `weightDecay` off. */
  readonly decoupled: boolean;
  /** The rate that decoupled weight decay is relative to, in all phases. */
  readonly maxLearningRate: number;
  /** 0: gradients are not clipped. */
  readonly maxGradNorm: number;
}

export interface RecipePhase {
  /** "pretraining", "extension", "decay", "cross". */
  readonly name: string;
  /** What the data is called where it was published. */
  readonly data: string;
  /** What its checkpoints' revisions begin with: "step1000". */
  readonly revision: "step" | "ext" | "decay";
  /** Tokens to train on. Time starts at 0 in each phase. */
  readonly tokens: number;
  /** The most tokens of a sequence. */
  readonly maxSeqLen: number;
  /** The share of tokens that masked objectives hide. */
  readonly maskProbability: number;
  /** The peak of this phase. */
  readonly learningRate: number;
  readonly schedule: RecipeSchedule;
  /** Over so many tokens a step grows from one micro-batch per device to all. 0: it does not grow. */
  readonly batchSizeWarmupTokens: number;
  /** Sequences of a micro-batch on one device: at most what it has of a step. */
  readonly microBatchSize: number;
  /** Tokens between two checkpoints. */
  readonly checkpointTokens: number;
  /** Rotary bases of global and local layers. */
  readonly ropeTheta: { readonly global: number; readonly local: number };
}

/** A rise from 0, a plateau, a fall to `floor` times the peak. */
export interface RecipeSchedule {
  readonly warmupTokens: number;
  /** How long the fall takes; "whole": the whole phase. */
  readonly decayTokens: number | "whole";
  readonly decay: "linear" | "1-sqrt";
  readonly floor: number;
}
