import type {
  Collator,
  Loss,
  PreTrainedModel,
  Sized,
  TrainableModel,
  TrainerOptions,
  TrainingArguments,
} from "@ettin/core";
import { type Dataset, type MultiDataset, type RowSource, Trainer } from "@ettin/core";
import { expectTypeOf, test } from "vitest";

// The compiler is what runs this file: types.test.ts.

interface Pairs extends Sized {
  readonly anchors: Int32Array;
}
interface Scored extends Pairs {
  readonly scores: Float32Array;
}
declare const model: PreTrainedModel;
declare const pairs: Collator<{ text: string }, Pairs>;
declare const scoredLoss: Loss<Scored>;
declare const pairsLoss: Loss<Pairs>;

test("every model can be trained, and every dataset read", () => {
  expectTypeOf<PreTrainedModel>().toExtend<TrainableModel>();
  expectTypeOf<Dataset<{ text: string }>>().toExtend<RowSource<{ text: string }>>();
  expectTypeOf<MultiDataset>().toExtend<RowSource<Readonly<Record<string, unknown>>>>();
});

test("a loss needs the batch that the collator makes", () => {
  const options: TrainerOptions<{ text: string }, Pairs> = { model, collator: pairs, loss: pairsLoss };
  expectTypeOf(new Trainer(options).args).toEqualTypeOf<TrainingArguments>();
  // @ts-expect-error pairs have no scores
  new Trainer<{ text: string }, Pairs>({ model, collator: pairs, loss: scoredLoss });
});

test("a batch says how large it is", () => {
  // @ts-expect-error no tokenCount and sequenceCount
  expectTypeOf<TrainerOptions<{ text: string }, { ids: Int32Array }>>();
});

test("an argument that is not there does not compile", () => {
  // @ts-expect-error the reference's snake case
  const args: Partial<TrainingArguments> = { learning_rate: 1e-4 };
  expectTypeOf(args).toExtend<object>();
});
