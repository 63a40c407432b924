import type { Tensor } from "../tensor/tensor.ts";
import { activation } from "./activation.ts";
import type { Initialisation } from "./initialisation.ts";
import { LayerNorm } from "./layer-norm.ts";
import { Linear } from "./linear.ts";
import type { ParameterSource } from "./parameter-source.ts";

/** What stands between the model and its last projection: `norm(act(dense(x)))`. */
export class PredictionHead {
  readonly dense: Linear;
  readonly norm: LayerNorm;
  private readonly act: (x: Tensor) => Tensor;

  /** @param options `names` of the two parts in the file (default "dense" and "norm") */
  constructor(
    source: ParameterSource,
    options: {
      dim: number;
      activation: string;
      bias: boolean;
      init: Initialisation;
      norm: { bias: boolean; eps: number };
      names?: { dense: string; norm: string };
    },
  ) {
    const { dim, bias, init, names = { dense: "dense", norm: "norm" } } = options;
    this.dense = Linear.from(source.in(names.dense), { in: dim, out: dim, bias, init });
    this.norm = new LayerNorm(source.in(names.norm), { dim, ...options.norm });
    this.act = activation(options.activation);
  }

  /** @param x `[rows, dim]` */
  forward(x: Tensor): Tensor {
    return this.norm.forward(this.act(this.dense.forward(x)));
  }
}
