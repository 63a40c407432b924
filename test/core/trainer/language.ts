/** A small language to learn: what the tests of the trainer share. */
import {
  type Collator,
  type DropoutDraw,
  type Loss,
  type LossPass,
  ModernBertDecoderForCausalLM,
  nextTokens,
  type PackedTokens,
  packedPiece,
  packTokens,
  type RowSource,
  type Sized,
  sequenceRanges,
  type Tensor,
  Trainer,
  type TrainerOptions,
  type TrainingArguments,
} from "@ettin/core";

export const shape = {
  vocabSize: 61,
  hiddenSize: 32,
  intermediateSize: 48,
  numHiddenLayers: 4,
  numAttentionHeads: 2,
  localAttention: 8,
  maxPositionEmbeddings: 64,
  padTokenId: 0,
} as const;

export type Row = { readonly ids: readonly number[] };
export interface TextBatch extends Sized {
  readonly packed: PackedTokens;
}

/** `count` sequences of 4 to 15 tokens that look random. */
export const texts = (count: number, start = 0): Row[] =>
  Array.from({ length: count }, (_, row) => ({
    ids: Array.from(
      { length: 4 + ((row * 7 + start) % 12) },
      (_, i) => 1 + ((row * 7919 + i * i * 31 + i * 17 + start) % 60),
    ),
  }));

export const rowsOf = (rows: readonly Row[], fingerprint = `rows ${rows.length}`): RowSource<Row> => ({
  length: rows.length,
  fingerprint,
  rows: (indices) => Array.from(indices, (i) => rows[i]!),
});

export const collator: Collator<Row, TextBatch> = (rows) => {
  const packed = packTokens(rows.map(({ ids }) => ids));
  return { packed, tokenCount: packed.tokens.length, sequenceCount: rows.length };
};

const RATES = { embedding: 0.1, attentionOutput: 0.2, mlp: 0.1 };

/** Next-token prediction, with dropout in three places. */
export class NextTokenLoss implements Loss<TextBatch> {
  /** Tokens of each forward pass. */
  readonly seen: number[] = [];
  private readonly model: ModernBertDecoderForCausalLM;
  private readonly dropout: boolean;

  constructor(model: ModernBertDecoderForCausalLM, { dropout = true }: { dropout?: boolean } = {}) {
    this.model = model;
    this.dropout = dropout;
  }

  forward({ packed }: TextBatch, { dropout }: LossPass = {}): Tensor {
    this.seen.push(packed.tokens.length);
    const draw: { dropout?: DropoutDraw } = dropout && this.dropout ? { dropout: { ...dropout, rates: RATES } } : {};
    return this.model.loss(packed, nextTokens(packed), draw);
  }

  weight({ packed }: TextBatch): number {
    return packed.tokens.length - (packed.offsets.length - 1);
  }

  split(batch: TextBatch, maxTokens: number) {
    return sequenceRanges(batch.packed.offsets, maxTokens).map(([first, end]) => {
      const packed = packedPiece(batch.packed, first, end);
      const piece = { packed, tokenCount: packed.tokens.length, sequenceCount: end - first };
      return { batch: piece, share: this.weight(piece) / this.weight(batch), sequences: end - first };
    });
  }
}

export const newModel = (seed = 1): ModernBertDecoderForCausalLM =>
  ModernBertDecoderForCausalLM.fromConfig(shape, { seed });

export type Options = TrainerOptions<Row, TextBatch, ModernBertDecoderForCausalLM>;

/** A trainer of a new model on 24 texts, quiet, that saves nothing unless told to. */
export function newTrainer(
  args: Partial<TrainingArguments>,
  options: Partial<Options> = {},
): Trainer<Row, TextBatch, ModernBertDecoderForCausalLM> {
  const model = options.model ?? newModel();
  return new Trainer({
    model,
    loss: new NextTokenLoss(model),
    collator,
    trainDataset: rowsOf(texts(24)),
    ...options,
    args: { saveStrategy: "no", report: [], learningRate: 1e-3, perDeviceTrainBatchSize: 4, ...args },
  });
}

/** All parameters' values, by name. */
export async function weightsOf(model: ModernBertDecoderForCausalLM): Promise<Record<string, Float32Array>> {
  const read = [...model.namedParameters].map(async ([name, x]) => [name, await x.data()] as const);
  return Object.fromEntries(await Promise.all(read)) as Record<string, Float32Array>;
}
