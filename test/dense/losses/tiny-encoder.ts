import {
  type Columns,
  type DropoutDraw,
  type Labels,
  type LossPass,
  ModernBertModel,
  noGrad,
  type PackedTexts,
  type ParameterEntry,
  packTokens,
  segmentMean,
  Tensor,
  tensorScope,
} from "@ettin/core";
import type { CopyableEncoder, GuideModel, LayeredEncoder } from "@ettin/dense";

const shape = {
  vocabSize: 61,
  hiddenSize: 16,
  intermediateSize: 24,
  numHiddenLayers: 3,
  numAttentionHeads: 2,
  localAttention: 8,
  maxPositionEmbeddings: 64,
  padTokenId: 0,
} as const;

/** Where masks are drawn, the rates that this model uses. */
export const draw: DropoutDraw = {
  seed: 5,
  step: 3,
  rates: { embedding: 0.1, attentionOutput: 0.2, mlp: 0.1 },
};

/** A small encoder with mean pooling, which counts its calls. */
export class TinyEncoder implements LayeredEncoder, CopyableEncoder, GuideModel {
  readonly model: ModernBertModel;
  readonly embeddingDimension: number;
  /** How many sequences each call had. */
  readonly calls: number[] = [];

  constructor(model: ModernBertModel = ModernBertModel.fromConfig(shape, { seed: 2 })) {
    this.model = model;
    this.embeddingDimension = model.config.hiddenSize;
    const longest = packTokens([new Array<number>(64).fill(1)]);
    tensorScope(() => void noGrad(() => void model.forward(longest))); // makes the tables of positions, which stay
  }

  forward(batch: PackedTexts, options: { dropout?: DropoutDraw } = {}): Tensor {
    this.calls.push(batch.offsets.length - 1);
    return segmentMean(this.model.forward(batch, options), Tensor.from(batch.offsets));
  }

  forwardLayers(batch: PackedTexts, options: { dropout?: DropoutDraw } = {}): Tensor[] {
    this.calls.push(batch.offsets.length - 1);
    const offsets = Tensor.from(batch.offsets);
    return this.model.hiddenStates(batch, options).map((states) => segmentMean(states, offsets));
  }

  /** Each character's code is its token. */
  tokenizeNow(texts: readonly string[]): PackedTexts {
    return packTokens(texts.map((text) => [...text].map((letter) => letter.charCodeAt(0) % 60)));
  }

  entries(): readonly ParameterEntry[] {
    return this.model.entries();
  }

  dispose(): void {
    this.model.dispose();
  }
}

/** Columns of token lists as a batch. */
export function columnsOf(lists: readonly (readonly (readonly number[])[])[], labels: Labels | null = null): Columns {
  const packed = packTokens(lists.flat());
  return {
    ...packed,
    columns: lists.map((list) => list.length),
    names: lists.map((_, c) => `text_${c}`),
    texts: lists.map((list) => list.map((ids) => String.fromCharCode(...ids.map((id) => id + 60)))),
    labels,
    datasetName: null,
    tokenCount: packed.tokens.length,
    sequenceCount: lists.flat().length,
  };
}

/** Texts of 2 to 12 tokens, `count` in each column. */
export const someColumns = (columns: number, count: number, labels: Labels | null = null): Columns =>
  columnsOf(
    Array.from({ length: columns }, (_, c) =>
      Array.from({ length: count }, (_, r) =>
        Array.from(
          { length: 2 + ((r * 7 + c * 3) % 11) },
          (_, i) => 1 + ((r * 7919 + c * 131 + i * i * 31 + i * 17) % 59),
        ),
      ),
    ),
    labels,
  );

/** A loss of a batch, and the gradients of the model's parameters. */
export async function run(
  loss: { forward(batch: Columns, pass?: LossPass): unknown },
  batch: Columns,
  pass: LossPass,
  { model }: TinyEncoder,
): Promise<{ value: number; gradients: Float32Array[] }> {
  const read = tensorScope(() => {
    const value = loss.forward(batch, pass);
    const total =
      value instanceof Tensor
        ? value
        : Object.values(value as Record<string, Tensor>).reduce((sum, part) => sum.add(part));
    const item = total.item();
    total.backward();
    return { item };
  }).item;
  const gradients = await Promise.all(
    model.parameters().map((p) => (p.grad ? (p.grad.data() as Promise<Float32Array>) : new Float32Array(p.size))),
  );
  for (const parameter of model.parameters()) parameter.zeroGrad();
  return { value: await read, gradients };
}
