import { EngineError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Loss, LossPass, LossPiece } from "../trainer/loss.ts";
import type { Columns } from "./columns.ts";

const WHERE = "LossByDataset";

/** Several losses: that of the dataset which a batch is from. */
export class LossByDataset implements Loss<Columns> {
  readonly losses: Readonly<Record<string, Loss<Columns>>>;
  /** Only where every loss weighs its batches itself. */
  readonly weight?: (batch: Columns) => number;

  constructor(losses: Readonly<Record<string, Loss<Columns>>>) {
    this.losses = losses;
    const weighing = Object.values(losses).filter(({ weight }) => weight);
    if (weighing.length === 0) return;
    if (weighing.length < Object.keys(losses).length) {
      throw new EngineError(
        WHERE,
        `${weighing.length} of ${Object.keys(losses).length} losses weigh their batches by their targets, others by rows`,
        "Train on them one after the other, or give all of them a weight.",
      );
    }
    this.weight = (batch) => this.lossOf(batch).weight!(batch);
  }

  forward(batch: Columns, pass?: LossPass): Tensor | Readonly<Record<string, Tensor>> {
    return this.lossOf(batch).forward(batch, pass);
  }

  split(batch: Columns, maxTokens: number): readonly LossPiece<Columns>[] {
    const loss = this.lossOf(batch);
    return loss.split?.(batch, maxTokens) ?? [{ batch, share: 1, sequences: batch.sequenceCount }];
  }

  /** Those of each loss, with a dataset's name before theirs; a loss of several datasets has that of the first. */
  get namedParameters(): ReadonlyMap<string, Tensor> {
    const named = new Map<string, Tensor>();
    const seen = new Set<Loss<Columns>>();
    for (const [dataset, loss] of Object.entries(this.losses)) {
      if (seen.has(loss)) continue;
      seen.add(loss);
      for (const [name, tensor] of loss.namedParameters ?? []) named.set(`${dataset}.${name}`, tensor);
    }
    return named;
  }

  private lossOf({ datasetName }: Columns): Loss<Columns> {
    const loss = datasetName === null ? undefined : this.losses[datasetName];
    if (loss) return loss;
    throw new EngineError(
      WHERE,
      datasetName === null ? "a batch is from a dataset without a name" : `there is no loss for ${datasetName}`,
      `Losses are of ${Object.keys(this.losses).join(", ")}: give the datasets under these names.`,
    );
  }
}
