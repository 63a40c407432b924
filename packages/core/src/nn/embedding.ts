import { embedding } from "../ops/embedding.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Initialisation } from "./initialisation.ts";
import type { ParameterSource } from "./parameter-source.ts";

/** A table with a row per id. */
export class Embedding {
  /** `[rows, dim]` */
  readonly weight: Tensor;

  constructor(source: ParameterSource, options: { rows: number; dim: number; init: Initialisation }) {
    this.weight = source.tensor("weight", [options.rows, options.dim], options.init);
  }

  /**
   * @param ids `[T]` int32
   * @returns `[T, dim]` of the given dtype
   */
  forward(ids: Tensor, dtype: "float32" | "bfloat16"): Tensor {
    return embedding(this.weight, ids, { dtype });
  }
}
