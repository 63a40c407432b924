import type { ParameterSource } from "../../nn/parameter-source.ts";
import type { ModelKind } from "../model-kind.ts";
import type { Runtime } from "../pretrained-model.ts";
import { ModernBertBase } from "./base.ts";
import type { ModernBertConfig } from "./config.ts";
import { decoderKind } from "./kind.ts";

/**
 * The ModernBERT decoder: a token sees those before it, in a local layer `slidingWindow` with itself.
 *
 * @see https://arxiv.org/abs/2507.11412
 */
export class ModernBertDecoderModel extends ModernBertBase {
  static readonly kind: ModelKind<ModernBertConfig> = decoderKind;
  override readonly architecture: string = "ModernBertDecoderModel";

  constructor(config: ModernBertConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, config.isCausal, runtime);
  }
}
