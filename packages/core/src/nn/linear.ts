import { linear } from "../ops/linear.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Initialisation, zeros } from "./initialisation.ts";
import type { ParameterSource } from "./parameter-source.ts";

/** A projection `y = x · weightᵀ + bias`, and several projections of one input as one product. */
export class Linear {
  /** `[out, in]` */
  readonly weight: Tensor;
  /** `[out]` */
  readonly bias: Tensor | null;

  constructor(weight: Tensor, bias: Tensor | null) {
    this.weight = weight;
    this.bias = bias;
  }

  /** Reads `weight`, and `bias` if there is one. */
  static from(
    source: ParameterSource,
    options: { in: number; out: number; bias: boolean; init: Initialisation },
  ): Linear {
    const weight = source.tensor("weight", [options.out, options.in], options.init);
    return new Linear(weight, options.bias ? source.tensor("bias", [options.out], zeros) : null);
  }

  /**
   * Several projections of the file in one, their rows below each other.
   *
   * @param name of the whole: "attn.Wqkv"
   * @param parts their names and widths, in order
   */
  static fused(
    source: ParameterSource,
    name: string,
    parts: readonly { readonly name: string; readonly rows: number }[],
    options: { in: number; bias: boolean; init: Initialisation; saved?: "whole" | "parts" },
  ): Linear {
    const named = (kind: string) => parts.map((part) => ({ name: `${part.name}.${kind}`, rows: part.rows }));
    const { saved = "parts" } = options;
    const weight = source.rows(`${name}.weight`, named("weight"), [options.in], options.init, { saved });
    return new Linear(weight, options.bias ? source.rows(`${name}.bias`, named("bias"), [], zeros, { saved }) : null);
  }

  /**
   * @param x `[…, in]`
   * @returns `[…, out]` of x's dtype
   */
  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
