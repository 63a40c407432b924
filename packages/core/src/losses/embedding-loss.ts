import type { Columns } from "../columns/columns.ts";
import { encodeColumns } from "../columns/encode-columns.ts";
import type { TextEncoder } from "../columns/text-encoder.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Loss, LossPass } from "../trainer/loss.ts";

/** What a loss gives: a scalar, or named parts that are summed. */
export type LossValue = ReturnType<Loss<never>["forward"]>;

/**
 * A loss over the embeddings of a batch's columns: encoding and scoring apart, so that a modifier can score other
 * embeddings of the same batch.
 */
export abstract class EmbeddingLoss<Model extends TextEncoder = TextEncoder> implements Loss<Columns> {
  readonly model: Model;
  /** The class's name, for messages and model cards. */
  abstract readonly name: string;

  constructor(model: Model) {
    this.model = model;
  }

  /** Parameters of its own by name, float32: none, unless a loss has some. */
  get namedParameters(): ReadonlyMap<string, Tensor> {
    return new Map();
  }

  /** Encodes the columns and scores them. */
  forward(batch: Columns, pass: LossPass = {}): LossValue {
    return this.fromEmbeddings(encodeColumns(this.model, batch, this.encodingPass(pass)), batch, pass);
  }

  /**
   * @param columns `[rows, dim]` float32 per input column
   * @param batch labels and texts of the same rows
   * @returns the batch's loss
   */
  abstract fromEmbeddings(columns: readonly Tensor[], batch: Columns, pass?: LossPass): LossValue;

  /** The limits of a pass, with those of this loss. @default the pass as it is */
  encodingPass(pass: LossPass): LossPass {
    return pass;
  }

  /** Its name and all options, for a model card. */
  abstract config(): Record<string, unknown>;
}
