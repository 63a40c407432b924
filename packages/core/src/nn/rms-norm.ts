import { addRmsNorm } from "../ops/add-rms-norm.ts";
import { rmsNorm } from "../ops/rms-norm.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ones } from "./initialisation.ts";
import type { Norm } from "./layer-norm.ts";
import type { ParameterSource } from "./parameter-source.ts";

export class RmsNorm implements Norm {
  /** `[dim]` */
  readonly weight: Tensor;
  private readonly eps: number;

  constructor(source: ParameterSource, options: { dim: number; eps: number }) {
    this.weight = source.tensor("weight", [options.dim], ones);
    this.eps = options.eps;
  }

  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.weight, { eps: this.eps });
  }

  addTo(x: Tensor, residual: Tensor): { y: Tensor; sum: Tensor } {
    return addRmsNorm(x, residual, this.weight, { eps: this.eps });
  }
}
