import { dropout } from "../ops/dropout.ts";
import { tensorScope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { activation, gatedActivation } from "./activation.ts";
import type { Linear } from "./linear.ts";
import { drawAt, type Pass } from "./pass.ts";

/** Two projections with an activation between them, which may be gated: `out(act(a) · b)` with `[a, b] = in(x)`. */
export class Mlp {
  readonly in: Linear;
  readonly out: Linear;
  private readonly act: (x: Tensor) => Tensor;
  private readonly dropout: { readonly rate: number; readonly site: number };

  /** @param options `dropout`: between activation and output, with this MLP's number among the places that draw */
  constructor(
    parts: { in: Linear; out: Linear },
    options: { activation: string; gated: boolean; dropout: { rate: number; site: number } },
  ) {
    this.in = parts.in;
    this.out = parts.out;
    this.act = options.gated ? gatedActivation(options.activation) : activation(options.activation);
    this.dropout = options.dropout;
  }

  /** @param x `[T, dim]` */
  forward(x: Tensor, pass: Pass): Tensor {
    return tensorScope(() => {
      const wide = this.in.forward(x);
      const inner = this.act(wide);
      wide.dispose(); // without a tape its memory serves what follows
      const draw = drawAt(pass, "mlp", this.dropout.rate, this.dropout.site);
      return this.out.forward(draw ? dropout(inner, draw) : inner);
    });
  }
}
