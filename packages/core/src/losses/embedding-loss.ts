import type { Columns } from "../columns/columns.ts";
import { encodeColumns } from "../columns/encode-columns.ts";
import type { TextEncoder } from "../columns/text-encoder.ts";
import { EngineError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Loss, LossPass } from "../trainer/loss.ts";
import { cachedPass, type ResolvedCached, scoreRows } from "./cached.ts";

/** What a loss gives: a scalar, or named parts that are summed. */
export type LossValue = ReturnType<Loss<never>["forward"]>;

/**
 * A loss over the embeddings of a batch's columns: encoding and scoring apart, so that a modifier can score other
 * embeddings of the same batch.
 */
export abstract class EmbeddingLoss<Model extends TextEncoder = TextEncoder> implements Loss<Columns> {
  readonly model: Model;
  /** How a loss with a gradient cache cuts its batch; null for one without. */
  readonly cached: ResolvedCached | null = null;
  /** The class's name, for messages and model cards. */
  abstract readonly name: string;

  constructor(model: Model) {
    if (typeof model?.forward !== "function") {
      const { name } = new.target;
      throw new EngineError(
        name,
        `the model is ${model === undefined ? "missing" : "none"}`,
        `Write new ${name}(model, …).`,
      );
    }
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

  /** The limits of a pass, with those of a gradient cache. */
  encodingPass(pass: LossPass): LossPass {
    return this.cached ? cachedPass(pass, this.cached) : pass;
  }

  /**
   * How many rows of scores are in memory at once.
   *
   * @param candidates how many scores a row has
   */
  protected rowsPerChunk(candidates: number): number {
    return this.cached ? scoreRows(this.cached, candidates) : Number.POSITIVE_INFINITY;
  }

  /** Its name and all options, for a model card. */
  abstract config(): Record<string, unknown>;
}
