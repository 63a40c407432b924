import type { ParameterSource } from "../../nn/parameter-source.ts";
import type { ModelKind } from "../model-kind.ts";
import type { Runtime } from "../pretrained-model.ts";
import { ModernBertBase } from "./base.ts";
import type { ModernBertConfig } from "./config.ts";
import { encoderKind } from "./kind.ts";

/**
 * The ModernBERT encoder: a token of a global layer sees its whole text, one of a local layer `slidingWindow` tokens on
 * each side.
 *
 * @see https://arxiv.org/abs/2412.13663
 */
export class ModernBertModel extends ModernBertBase {
  static readonly kind: ModelKind<ModernBertConfig> = encoderKind;
  override readonly architecture: string = "ModernBertModel";

  constructor(config: ModernBertConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, false, runtime);
  }
}
