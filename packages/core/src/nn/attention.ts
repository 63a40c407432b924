import { dropout } from "../ops/dropout.ts";
import { selfAttention } from "../ops/self-attention.ts";
import { tensorScope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Linear } from "./linear.ts";
import { drawAt, type Pass } from "./pass.ts";
import type { RotaryTables } from "./rotary-tables.ts";

export interface AttentionShape {
  /** The layer's number, from 0. */
  readonly layer: number;
  readonly heads: number;
  readonly kvHeads: number;
  /** A query sees no key after its own place. */
  readonly causal: boolean;
  /** How many keys before and after its own place a query sees; null: all. */
  readonly window: readonly [left: number, right: number] | null;
  /** Null: nothing is rotated. */
  readonly rotary: RotaryTables | null;
  /** Rates and numbers of the two places that may drop. */
  readonly dropout: {
    readonly probabilities: { readonly rate: number; readonly site: number };
    readonly output: { readonly rate: number; readonly site: number };
  };
}

/** Attention of packed sequences to themselves, with its projections. */
export class Attention {
  /** q, k and v as one projection: `[(heads + 2 · kvHeads) · D, dim]`. */
  readonly qkv: Linear;
  readonly out: Linear;
  readonly shape: AttentionShape;

  constructor(parts: { qkv: Linear; out: Linear }, shape: AttentionShape) {
    this.qkv = parts.qkv;
    this.out = parts.out;
    this.shape = shape;
  }

  /** @param x `[T, dim]` */
  forward(x: Tensor, pass: Pass): Tensor {
    return tensorScope(() => {
      const qkv = this.qkv.forward(x);
      const attended = this.attend(qkv, pass);
      qkv.dispose(); // the widest of a layer: without a tape its memory serves what follows
      return this.dropped(this.out.forward(attended), pass);
    });
  }

  private dropped(out: Tensor, pass: Pass): Tensor {
    const { rate, site } = this.shape.dropout.output;
    const draw = drawAt(pass, "attentionOutput", rate, site);
    return draw ? dropout(out, draw) : out;
  }

  private attend(qkv: Tensor, pass: Pass): Tensor {
    const { layer, heads, kvHeads, causal, window } = this.shape;
    const rotary = this.shape.rotary?.upTo(pass.longest, qkv.device);
    const shared = { offsets: pass.offsets, heads, kvHeads, ...(rotary && { rotary }), ...(window && { window }) };
    if (pass.cache) return pass.cache.attend(layer, qkv, shared);
    const { rate, site } = this.shape.dropout.probabilities;
    const draw = drawAt(pass, "attention", rate, site);
    return selfAttention(qkv, {
      ...shared,
      causal,
      ...(draw && { dropout: { ...draw, sequences: draw.sequences ?? draw.firstSequence ?? 0 } }),
    });
  }
}
