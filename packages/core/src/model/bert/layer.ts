import { Attention } from "../../nn/attention.ts";
import { normal } from "../../nn/initialisation.ts";
import { LayerNorm } from "../../nn/layer-norm.ts";
import { Linear } from "../../nn/linear.ts";
import { Mlp } from "../../nn/mlp.ts";
import type { ParameterSource } from "../../nn/parameter-source.ts";
import { drawAt, type Pass } from "../../nn/pass.ts";
import { dropout } from "../../ops/dropout.ts";
import { checkpoint } from "../../tensor/checkpoint.ts";
import { tensorScope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { BertConfig } from "./config.ts";

/** A layer of BERT, with norms after its sublayers: `x = norm(x + attention(x))`, `x = norm(x + mlp(x))`. */
export class BertLayer {
  private readonly attention: Attention;
  private readonly attentionNorm: LayerNorm;
  private readonly mlp: Mlp;
  private readonly mlpNorm: LayerNorm;
  private readonly outputDropout: { readonly rate: number; readonly site: number };

  constructor(source: ParameterSource, config: BertConfig, layer: number) {
    const { hiddenSize: dim, intermediateSize, numAttentionHeads: heads, layerNormEps: eps } = config;
    const init = normal(config.initializerRange);
    const attention = source.in("attention");
    const output = attention.in("output");
    const self = ["query", "key", "value"].map((name) => ({ name, rows: dim }));
    this.attention = new Attention(
      {
        qkv: Linear.fused(attention.in("self"), "qkv", self, { in: dim, bias: true, init }),
        out: Linear.from(output.in("dense"), { in: dim, out: dim, bias: true, init }),
      },
      {
        layer,
        heads,
        kvHeads: heads,
        causal: false,
        window: null,
        rotary: null,
        dropout: {
          probabilities: { rate: config.attentionProbsDropoutProb, site: 1 + 4 * layer },
          output: { rate: config.hiddenDropoutProb, site: 2 + 4 * layer },
        },
      },
    );
    this.attentionNorm = new LayerNorm(output.in("LayerNorm"), { dim, bias: true, eps });
    this.mlp = new Mlp(
      {
        in: Linear.from(source.in("intermediate.dense"), { in: dim, out: intermediateSize, bias: true, init }),
        out: Linear.from(source.in("output.dense"), { in: intermediateSize, out: dim, bias: true, init }),
      },
      { activation: config.hiddenAct, gated: false, dropout: { rate: 0, site: 3 + 4 * layer } },
    );
    this.mlpNorm = new LayerNorm(source.in("output.LayerNorm"), { dim, bias: true, eps });
    this.outputDropout = { rate: config.hiddenDropoutProb, site: 4 + 4 * layer };
  }

  /** @param x `[T, dim]` */
  forward(x: Tensor, pass: Pass): Tensor {
    return tensorScope(() => {
      const attended = this.attention.forward(x, pass);
      const { y: between, sum } = this.attentionNorm.addTo(attended, x);
      sum.dispose();
      attended.dispose();
      const out = this.mlp.forward(between, pass);
      const draw = drawAt(pass, "mlp", this.outputDropout.rate, this.outputDropout.site);
      return this.mlpNorm.addTo(draw ? dropout(out, draw) : out, between).y;
    });
  }

  /** The same, keeping only x for the gradients. */
  forwardCheckpointed(x: Tensor, pass: Pass): Tensor {
    const { offsets, sequences } = pass;
    const run = (x: Tensor, offsets?: Tensor, sequences?: Tensor) =>
      this.forward(x, { ...pass, offsets: offsets!, sequences: sequences ?? null });
    return checkpoint(run, x, offsets, ...(sequences ? [sequences] : []));
  }
}
