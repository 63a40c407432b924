import { EmbeddingLoss, EngineError } from "@ettin/core";

/** Refuses what cannot be the loss that another one is around: nothing, options, or a loss that does its own encoding. */
export function expectInner(owner: string, loss: EmbeddingLoss): EmbeddingLoss {
  if (loss instanceof EmbeddingLoss || typeof (loss as EmbeddingLoss | undefined)?.fromEmbeddings === "function") {
    return loss;
  }
  throw new EngineError(
    owner,
    loss === undefined ? "the inner loss is missing" : "the inner loss does not take embeddings",
    `Pass a loss after the model: new ${owner}(model, new MultipleNegativesRankingLoss(model), options).`,
  );
}
