import { addLayerNorm } from "../ops/add-layer-norm.ts";
import { layerNorm } from "../ops/layer-norm.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ones, zeros } from "./initialisation.ts";
import type { ParameterSource } from "./parameter-source.ts";

/** What a block does to its input before a projection, alone or together with the residual addition before it. */
export interface Norm {
  forward(x: Tensor): Tensor;
  /** The norm of `x + residual`, and that sum. */
  addTo(x: Tensor, residual: Tensor): { y: Tensor; sum: Tensor };
}

export class LayerNorm implements Norm {
  /** `[dim]` */
  readonly weight: Tensor;
  /** `[dim]` */
  readonly bias: Tensor | null;
  private readonly eps: number;

  constructor(source: ParameterSource, options: { dim: number; bias: boolean; eps: number }) {
    this.weight = source.tensor("weight", [options.dim], ones);
    this.bias = options.bias ? source.tensor("bias", [options.dim], zeros) : null;
    this.eps = options.eps;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, { eps: this.eps });
  }

  addTo(x: Tensor, residual: Tensor): { y: Tensor; sum: Tensor } {
    return addLayerNorm(x, residual, this.weight, this.bias, { eps: this.eps });
  }
}
