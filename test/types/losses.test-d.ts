import type { Columns, Loss } from "@ettin/core";
import {
  AdaptiveLayerLoss,
  ContrastiveTensionLoss,
  GISTEmbedLoss,
  Matryoshka2dLoss,
  MatryoshkaLoss,
  MultipleNegativesRankingLoss,
  type SentenceTransformer,
  SoftmaxLoss,
} from "@ettin/dense";
import { expectTypeOf, test } from "vitest";

// The compiler is what runs this file: types.test.ts.

declare const model: SentenceTransformer;
declare const guide: SentenceTransformer;
const ranking = new MultipleNegativesRankingLoss(model, { scale: 20 });

test("a loss names the batch that it needs", () => {
  expectTypeOf<MultipleNegativesRankingLoss>().toExtend<Loss<Columns>>();
  expectTypeOf<MultipleNegativesRankingLoss>().not.toExtend<Loss<{ tokens: Int32Array }>>();
});

test("losses take the package's model as guide, copy and layered model", () => {
  expectTypeOf(new GISTEmbedLoss(model, guide)).toExtend<Loss<Columns>>();
  expectTypeOf(new ContrastiveTensionLoss(model, { copy: guide })).toExtend<Loss<Columns>>();
  expectTypeOf(new SoftmaxLoss(model, { numLabels: 2 })).toExtend<Loss<Columns>>();
  expectTypeOf(new Matryoshka2dLoss(model, ranking, { matryoshkaDims: [64] })).toExtend<Loss<Columns>>();
});

test("layers go around dimensions, not the other way round", () => {
  new AdaptiveLayerLoss(model, new MatryoshkaLoss(model, ranking, { matryoshkaDims: [64] }));
  // @ts-expect-error a loss over layers encodes by itself
  new MatryoshkaLoss(model, new AdaptiveLayerLoss(model, ranking), { matryoshkaDims: [64] });
});

test("options are the reference's in camel case, and others do not compile", () => {
  // @ts-expect-error a temperature is 1 / scale
  new MultipleNegativesRankingLoss(model, { temperature: 0.05 });
  // @ts-expect-error the option is copy
  new ContrastiveTensionLoss(model, { model });
});
